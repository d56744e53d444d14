// drop_duplicates: lets every image through once; one that has been there, byte for byte, is dropped and named.
//
// x, y: [N,C,H,W], or of any other shape, one image a frame. Images are compared by a hash of 64 bits of their bytes.
// What is dropped stands in dropped.txt of the run, with the image that it repeats.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "graph/types/catalog.h"
#include "graph/types/setup.h"
#include "graph/values/random.h"

namespace dagfusion {
namespace {

class DropDuplicates final : public Ordered {
 public:
  explicit DropDuplicates(Setup& setup)
      : x_(setup.input("x")),
        y_(setup.output("y", x_.spec.shape, x_.spec.dtype)),
        source_(setup.data_set_behind(x_)) {
    if (setup.run().training)
      setup.fail("dropped images would leave holes in a batch; pack the images without duplicates first");
    if (x_.spec.shape[0] != 1)
      setup.fail_at_input(
          "x", fmt::format("input 'x' has {} images a frame; 'run.micro_batch' must be 1", x_.spec.shape[0]));
  }

  void run(Call& call) override {
    const std::size_t bytes = static_cast<std::size_t>(count_of(x_.spec.shape)) * size_of(x_.spec.dtype);
    const auto* x = call.in<char>(x_);
    const auto key = stream_key(0, {x, bytes});
    const auto [first, is_new] = seen_.emplace(std::uint64_t{key[0]} << 32 | key[1], call.position());
    if (!is_new)
      return call.drop(fmt::format("{} is the same as {}", name_of(call.position()), name_of(first->second)));
    std::copy_n(x, bytes, call.out<char>(y_));
  }

  void finish(RunInfo&) override { seen_.clear(); }

 private:
  std::string name_of(std::int64_t position) const {
    const std::string name = source_ ? source_->sample_name(position) : "";
    return name.empty() ? fmt::format("image {}", position) : fmt::format("'{}'", name);
  }

  Input x_;
  Output y_;
  const DataSet* source_;                       // knows the names of images; null: nothing does
  std::map<std::uint64_t, std::int64_t> seen_;  // where each image came first
};

}  // namespace

NodeType drop_duplicates() {
  return {.name = "drop_duplicates",
          .summary = "Lets every image through once, and drops those that have been there.",
          .example = "{type: drop_duplicates, in: images}",
          .role = Role::ordered,
          .inputs = {{"x", "[N,...] any", "images"}},
          .outputs = {{"y", "[N,...] any", "the same images, each once"}},
          .create = make_node<DropDuplicates>};
}

}  // namespace dagfusion
