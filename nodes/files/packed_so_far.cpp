#include "nodes/files/packed_so_far.h"

#include <algorithm>
#include <cmath>

#include "nodes/files/picture_list.h"

namespace dagfusion {

void PackedSoFar::take(const PackedFacts& facts) {
  contents.checksums.push_back(facts.crc);
  for (std::size_t c = 0; c < kMostPackedChannels; ++c) {
    sums_[c] += facts.sums[c];
    squares_[c] += facts.squares[c];
  }
}

void PackedSoFar::weigh(std::int64_t pixels_of_an_image, std::int64_t channels) {
  const double count = static_cast<double>(images()) * static_cast<double>(pixels_of_an_image);
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const double mean = sums_[c] / count;
    contents.mean.push_back(mean);
    contents.deviation.push_back(std::sqrt(std::max(0.0, squares_[c] / count - mean * mean)));
  }
}

std::string PackedSoFar::classes_in_words() const {
  const std::vector<std::string>& classes = contents.class_names;
  if (contents.labels.empty() || classes.empty()) return {};
  std::vector<std::int64_t> counts(classes.size());
  for (const std::int32_t label : contents.labels)
    if (label >= 0 && static_cast<std::size_t>(label) < counts.size())
      ++counts[static_cast<std::size_t>(label)];
  return class_counts(classes, counts);
}

}  // namespace dagfusion
