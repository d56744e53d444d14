#include "graph/run/gradient_sums.h"

#include "graph/values/add.h"

namespace dagfusion {

GradientSums::GradientSums(std::size_t floats, GroupRange groups)
    : groups_(groups), places_(places_of(groups)) {
  for (int b = 0; b < buffers_of(groups); ++b) buffers_.emplace_back(floats * sizeof(float));
}

float* GradientSums::of_group(int group) const {
  return buffers_[static_cast<std::size_t>(place_of(group).buffer)].as<float>().data();
}

void GradientSums::join(int group, std::size_t offset, std::size_t floats) const {
  const GroupPlace& place = place_of(group);
  for (int j = 0; j < place.joins; ++j) {
    const auto last = static_cast<std::size_t>(place.buffer - j);
    float* sum = buffers_[last - 1].as<float>().data() + offset;
    add(sum, buffers_[last].as<float>().data() + offset, sum, floats);
  }
}

std::vector<float*> GradientSums::left() const {
  std::vector<float*> sums;
  for (std::size_t s = 0; s < subtrees_of(groups_).size(); ++s)
    sums.push_back(buffers_[s].as<float>().data());
  return sums;
}

}  // namespace dagfusion
