// npy_writer: writes the values of all images of a run into one .npy file, for NumPy.
//
// x: [N,...], or one number a frame; the file holds [images,...], or [frames].

#include <fmt/format.h>

#include "graph/types/catalog.h"
#include "nodes/files/npy.h"
#include "nodes/files/output_file.h"

namespace dagfusion {
namespace {

class NpyWriter final : public Ordered {
 public:
  explicit NpyWriter(Setup& setup)
      : path_(setup.text("path")), x_(setup.input("x")), n_(setup.run().micro_batch) {
    refuse_folder(setup, "path");
    if (x_.spec.dtype == DType::bf16)
      setup.fail_at_input("x", "input 'x' is bfloat16, which NumPy does not know");
    if (x_.spec.dtype == DType::images)
      setup.fail_at_input("x", "input 'x' holds pictures of different sizes; center_crop makes them one");
  }

  void run(Call& call) override {
    const auto* x = call.in<std::byte>(x_);
    const std::size_t valid = of_images() ? static_cast<std::size_t>(call.valid()) : 1;
    bytes_.insert(bytes_.end(), x, x + each() * valid);
    rows_ += static_cast<std::int64_t>(valid);
  }

  void finish(RunInfo& run) override {
    if (rows_ > 0) {
      Shape shape = x_.spec.shape;
      if (of_images())
        shape[0] = rows_;
      else
        shape.insert(shape.begin(), rows_);
      const std::filesystem::path path = run.resolve(path_);
      if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
      write_npy(path, x_.spec.dtype, shape, bytes_);
      run.told(fmt::format("{} in {}", to_string(shape), path.string()));
    }
    bytes_ = {};  // a preview runs again
    rows_ = 0;
  }

 private:
  bool of_images() const { return !x_.spec.shape.empty() && x_.spec.shape[0] == n_; }
  std::size_t each() const { return x_.spec.bytes() / (of_images() ? static_cast<std::size_t>(n_) : 1); }

  std::string path_;
  Input x_;
  std::int64_t n_;
  std::vector<std::byte> bytes_;
  std::int64_t rows_ = 0;
};

}  // namespace

NodeType npy_writer() {
  return {.name = "npy_writer",
          .summary = "Writes the values of all images of a run into one .npy file, for NumPy.",
          .stands_for = {"sink"},
          .example = "{type: npy_writer, in: bytes, path: images.npy}",
          .role = Role::ordered,
          .inputs = {{"x", "[...] any", "any values but bfloat16"}},
          .parameters = {{.name = "path",
                          .kind = Kind::text,
                          .doc = "file to write, below the run's directory",
                          .required = true}},
          .create = make_node<NpyWriter>};
}

}  // namespace dagfusion
