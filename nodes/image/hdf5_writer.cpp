// hdf5_writer: packs images of one size, and their classes, into one HDF5 file, to be read by hdf5_images, h5py, h5dump.
//
// images: [N,C,H,W], C = 1 or 3, bytes, u16, or f32 in [-1,1]; label: [N], optional. The format is described in
// nodes/files/hdf5.h: one compressed chunk for each image, with names, classes and checksums where they are known.
// Images are compressed on all threads and written in order: the file is the same on any number of threads.
// The file is made under the name `path`.part, which only one process can do at a time, and gets its own name when all is
// written and on the disk, so that a run that breaks or is stopped leaves no half file. What was packed until then stays
// in the part, with a list in `path`.part.images: `--resume` goes on behind it, and gives the file that a run without
// a break would have given; without it the part is made anew. `path` is relative to the run's directory when there is one.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libdeflate.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "graph/document/number.h"
#include "graph/types/catalog.h"
#include "graph/types/needs_all.h"
#include "graph/types/setup.h"
#include "graph/types/takes_up.h"
#include "graph/types/works_ahead.h"
#include "graph/version.h"
#include "nodes/files/image_file_writer.h"
#include "nodes/files/new_file.h"
#include "nodes/files/output_file.h"
#include "nodes/files/packed_so_far.h"
#include "nodes/files/pixel_packer.h"
#include "nodes/files/unfinished_images.h"

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

class Hdf5Writer final : public Ordered, public NeedsAll, public TakesUp, public WorksAhead {
 public:
  explicit Hdf5Writer(Setup& setup)
      : wanted_(setup.text("path")),
        overwrite_(setup.flag("overwrite")),
        deflate_(static_cast<int>(setup.integer("deflate"))),
        x_(setup.input("images")),
        label_(setup.input("label")),
        source_(setup.data_set_behind(x_)),
        channels_(x_.spec.shape[1]),
        packer_(x_.spec, deflate_) {
    if (x_.spec.dtype != DType::u8 && x_.spec.dtype != DType::u16 && x_.spec.dtype != DType::f32)
      setup.fail_at_input(
          "images", fmt::format("input 'images' is {}; it must be u8, u16 or f32", name_of(x_.spec.dtype)));
    if (channels_ != 1 && channels_ != 3)
      setup.fail_at_input(
          "images",
          fmt::format("input 'images' is {} with {} channels; there must be 1 or 3; to_channels makes "
                      "them so",
                      to_string(x_.spec.shape), channels_));
    check_path(setup);
    const std::int64_t images = x_.spec.shape[0];
    packed_ = setup.saved(
        "packed",
        {.dtype = DType::u8, .shape = {images, static_cast<std::int64_t>(packer_.most_packed_bytes())}},
        Span::forward_to_backward);
    facts_ = setup.saved(
        "facts", {.dtype = DType::u8, .shape = {images, static_cast<std::int64_t>(sizeof(PackedFacts))}},
        Span::forward_to_backward);
  }

  ~Hdf5Writer() override { let_go(); }

  void prepare(Preparation& preparation) override { preparation.scratch(packer_.scratch_bytes()); }

  void ahead(Call& call) const override {
    for (int i = 0; i < call.valid(); ++i)
      call.saved<PackedFacts>(facts_)[i] =
          packer_.pack(call.in<std::byte>(x_), i, room_of(call, i), call.scratch());
  }

  void run(Call& call) override {
    if (!file_.started()) start(call.run());
    UnfinishedFrame frame{.behind = call.position() + x_.spec.shape[0]};
    for (int i = 0; i < call.valid(); ++i) {
      const PackedFacts& facts = call.saved<PackedFacts>(facts_)[i];
      if (facts.is_outside)
        throw std::runtime_error(
            fmt::format("image {} holds {}, outside of [-1,1]", came_.images(), facts.outside));
      UnfinishedImage image{.number = call.position() + i, .facts = facts};
      image.begin = written([&] { return file_.append(room_of(call, i).first(facts.bytes)); });
      if (label_.connected()) image.label = call.in<std::int32_t>(label_)[i];
      if (source_) image.name = source_->sample_name(image.number);
      take(image);
      frame.images.push_back(std::move(image));
    }
    list_.add(frame);
  }

  std::int64_t images_left(RunInfo& run) override {
    open(run);
    std::string why;
    left_ = list_.take_up(new_file_.part(), new_file_.descriptor(), conditions(run), why);
    if (!why.empty()) run.told(fmt::format("{} was made anew: {}", run.resolve(wanted_).string(), why));
    return left_.empty() ? 0 : left_.back().behind;
  }

  void take_up(RunInfo& run, std::int64_t images) override {
    const auto is_behind = [&](const UnfinishedFrame& frame) { return frame.behind > images; };
    left_.erase(std::find_if(left_.begin(), left_.end(), is_behind), left_.end());
    if (left_.empty()) {
      start(run);
      return;
    }
    list_.keep_first(left_, new_file_.descriptor());
    written([&] { file_.start(new_file_.descriptor(), x_.spec, deflate_); });
    for (const UnfinishedFrame& frame : left_)
      for (const UnfinishedImage& image : frame.images) {
        if (written([&] { return file_.append_what_is_there(image.facts.bytes); }) != image.begin)
          throw std::logic_error("an unfinished file cannot be gone on with: HDF5 puts images elsewhere now");
        take(image);
      }
    say_what_is_kept(run);
    left_.clear();
  }

  void finish(RunInfo& run) override {
    const fs::path path = run.resolve(wanted_);
    if (came_.empty()) {
      abandon();
      run.told(fmt::format("no image came, so {} was not written", path.string()));
      return;
    }
    const auto count = came_.images();
    describe(run.resolved_yaml());
    written([&] { file_.finish(came_.contents); });
    new_file_.publish();
    run.told(fmt::format("packed {} {}x{}x{} into {}", counted(count, "image"), x_.spec.shape[2],
                         x_.spec.shape[3], channels_, path.string()));
    if (const std::string classes = came_.classes_in_words(); !classes.empty())
      run.told(fmt::format("classes: {}", classes));
    abandon();
  }

  void give_up(RunInfo& run) override {
    const std::string part = new_file_.part().string(), path = run.resolve(wanted_).string();
    const std::string came = counted(came_.images(), "image");
    if (came_.empty())
      run.told(fmt::format("{} was not written: no image had come", path));
    else
      run.told(fmt::format("{} was not written: only {} had come, which {} keeps; --resume goes on with them",
                           path, came, part));
    let_go();
  }

 private:
  void check_path(Setup& setup) const {
    refuse_folder(setup, "path");
    // Below the directory of a run there is nothing yet.
    if (!setup.run().output.empty() && fs::path(wanted_).is_relative()) return;
    if (!overwrite_ && fs::exists(wanted_))
      setup.fail_at("path", fmt::format("'{}' exists; choose another path, or say overwrite: true", wanted_));
    if (const std::string why = why_not_writable(wanted_); !why.empty())
      setup.fail_at("path", fmt::format("'path' is {}, but {}", wanted_, why));
    if (const fs::path part = wanted_ + ".part";
        fs::exists(part) && fs::exists(UnfinishedImages::beside(part)))
      setup.note_at("path", fmt::format("'{}.part' is unfinished; --resume goes on with it, else it is "
                                        "made anew",
                                        wanted_));
  }

  std::span<std::uint8_t> room_of(const Call& call, int image) const {
    const std::size_t most = packer_.most_packed_bytes();
    return {call.saved<std::uint8_t>(packed_) + static_cast<std::size_t>(image) * most, most};
  }

  // What writing throws names the file.
  template <class Write>
  std::invoke_result_t<const Write&> written(const Write& write) const {
    try {
      return write();
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(
          fmt::format("'{}' cannot be written: {}", new_file_.part().string(), error.what()));
    }
  }

  // All that the packed bytes follow from.
  std::string conditions(const RunInfo& run) const {
    unsigned major = 0, minor = 0, release = 0;
    {
      Hdf5Lock lock;
      H5get_libversion(&major, &minor, &release);
    }
    return fmt::format("{} HDF5 {}.{}.{} libdeflate {}\n{}\n{}", DAGFUSION_VERSION, major, minor, release,
                       LIBDEFLATE_VERSION_STRING, source_ ? source_->fingerprint() : "", run.resolved_yaml());
  }

  void open(const RunInfo& run) {
    if (!new_file_.started()) new_file_.start(run.resolve(wanted_), overwrite_);
  }

  void start(const RunInfo& run) {
    open(run);
    list_.start(new_file_.part(), conditions(run));
    written([&] {
      if (::ftruncate(new_file_.descriptor(), 0) != 0) throw std::runtime_error(std::strerror(errno));
      file_.start(new_file_.descriptor(), x_.spec, deflate_);
    });
  }

  void take(const UnfinishedImage& image) {
    came_.take(image.facts);
    if (label_.connected()) came_.contents.labels.push_back(image.label);
    if (source_) came_.contents.names.push_back(image.name);
  }

  // Those that were dropped before the break are not seen again.
  void say_what_is_kept(RunInfo& run) const {
    run.told(fmt::format("{} had been packed before the break", counted(came_.images(), "image")));
    std::vector<std::string> dropped;
    std::int64_t next = 0;
    for (const UnfinishedFrame& frame : left_)
      for (const UnfinishedImage& image : frame.images) {
        for (; next < image.number; ++next) {
          const std::string name = source_ ? source_->sample_name(next) : "";
          dropped.push_back(name.empty() ? fmt::format("image {}", next) : fmt::format("'{}'", name));
        }
        next = image.number + 1;
      }
    if (!dropped.empty())
      run.told(fmt::format("{} dropped before the break: {}", dropped.size(), fmt::join(dropped, ", ")));
  }

  // What the numbers mean and where they come from, for whoever reads the file later.
  void describe(const std::string& pipeline) {
    came_.weigh(x_.spec.shape[2] * x_.spec.shape[3], channels_);
    if (source_ && label_.connected()) came_.contents.class_names = source_->class_names();
    came_.contents.pipeline = pipeline;
  }

  // Ready for another run; what was not finished is removed.
  void abandon() {
    forget();
    new_file_.abandon();
    list_.remove();
  }

  // The same, but what came stays in the part.
  void let_go() {
    if (came_.empty()) return abandon();
    forget();
    new_file_.leave();
    list_.close();
  }

  void forget() {
    file_.abandon();
    came_ = {};
  }

  std::string wanted_;
  bool overwrite_;
  int deflate_;
  Input x_, label_;
  Saved packed_, facts_;
  const DataSet* source_;  // knows the names of classes and images; null: nothing does
  std::int64_t channels_;
  PixelPacker packer_;
  NewFile new_file_;
  UnfinishedImages list_;
  std::vector<UnfinishedFrame> left_;  // by an earlier run
  ImageFileWriter file_;
  PackedSoFar came_;
};

}  // namespace

NodeType hdf5_writer() {
  return {.name = "hdf5_writer",
          .summary = "Packs images of one size, and their classes, into one HDF5 file.",
          .stands_for = {"sink"},
          .example = "{type: hdf5_writer, in: {images: images, label: label}, path: packed.h5}",
          .role = Role::ordered,
          .inputs = {{"images", "[N,C,H,W] any", "images: u8, u16, or f32 in [-1,1]"},
                     {.name = "label", .spec = "[N] i32", .doc = "class of each image", .optional = true}},
          .parameters = {{.name = "path", .kind = Kind::text, .doc = "file to make", .required = true},
                         {.name = "overwrite",
                          .kind = Kind::boolean,
                          .doc = "replace the file when it exists",
                          .standard = false},
                         {.name = "deflate",
                          .kind = Kind::integer,
                          .doc = "compression, 1 = fast … 9 = small",
                          .standard = std::int64_t{4},
                          .minimum = 1,
                          .maximum = 9}},
          .create = make_node<Hdf5Writer>};
}

}  // namespace dagfusion
