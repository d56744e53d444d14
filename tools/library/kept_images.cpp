#include "tools/library/kept_images.h"

#include <fmt/format.h>

#include <algorithm>

namespace dagfusion {

void KeptImages::refuse_unless_drawn(const Checked& checked) {
  if (checked.run.training)
    throw UserError({"images"}, "the pipeline trains; images come from one that draws, such as sample.yaml");
  std::vector<std::string> paths;
  for (const CheckedNode& n : checked.nodes) paths.push_back(n.path);
  if (std::find(paths.begin(), paths.end(), node_) == paths.end())
    throw UserError({"images"}, fmt::format("no node '{}'{}", node_, suggestion(node_, paths)));
  if (!checked.images) throw UserError({"images"}, "the pipeline never ends; give it run.images");
  images_ = *checked.images;
}

void KeptImages::ends(const TaskVisit& visit) noexcept {
  if (visit.part() != TaskTime::Part::forward || visit.node() != node_) return;
  for (const TaskVisit::Value& value : visit.outputs()) {
    const Shape& shape = value.spec.shape;
    if (value.spec.dtype != DType::u8 || shape.size() != 4) continue;
    const std::int64_t valid = std::min(shape[0], images_ - visit.position());
    if (valid <= 0) return;
    const auto* from = reinterpret_cast<const std::uint8_t*>(value.bytes.data());
    const std::lock_guard lock(mutex_);
    each_.assign(shape.begin() + 1, shape.end());
    kept_[visit.position()].assign(from, from + static_cast<std::size_t>(valid * count_of(each_)));
    return;
  }
}

Shape KeptImages::shape() const {
  if (kept_.empty())
    throw UserError({"images"},
                    fmt::format("node '{}' gave no images of bytes [N,C,H,W]; name one that does, "
                                "such as a to_bytes",
                                node_));
  std::size_t bytes = 0;
  for (const auto& [position, some] : kept_) bytes += some.size();
  Shape shape = {static_cast<std::int64_t>(bytes) / count_of(each_)};
  shape.insert(shape.end(), each_.begin(), each_.end());
  return shape;
}

std::vector<std::uint8_t> KeptImages::bytes() const {
  std::vector<std::uint8_t> all;
  for (const auto& [position, some] : kept_) all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace dagfusion
