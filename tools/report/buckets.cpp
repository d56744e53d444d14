#include "tools/report/buckets.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dagfusion {

std::size_t buckets_of(std::size_t rows, std::size_t most_buckets) { return std::min(rows, most_buckets); }

std::size_t end_of_bucket(std::size_t bucket, std::size_t buckets, std::size_t rows) {
  return rows * (bucket + 1) / buckets;
}

Bucketed in_buckets(const std::vector<double>& values, std::size_t buckets) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Bucketed made{std::vector(buckets, kNone), std::vector(buckets, kNone), std::vector(buckets, kNone)};
  std::size_t row = 0;
  for (std::size_t b = 0; b < buckets; ++b) {
    double sum = 0, least = std::numeric_limits<double>::infinity(), most = -least;
    std::size_t count = 0;
    for (const std::size_t end = end_of_bucket(b, buckets, values.size()); row < end; ++row) {
      if (!std::isfinite(values[row])) continue;
      sum += values[row];
      least = std::min(least, values[row]);
      most = std::max(most, values[row]);
      ++count;
    }
    if (count == 0) continue;
    made.mean[b] = count == 1 ? least : sum / static_cast<double>(count);
    made.least[b] = least;
    made.most[b] = most;
  }
  return made;
}

}  // namespace dagfusion
