#include "nodes/diffusion/loss_record.h"

#include <algorithm>
#include <cmath>

namespace dagfusion {

LossRecord::LossRecord(const NoiseProcess& process, int bins)
    : starts_(bins), losses_(static_cast<std::size_t>(bins) * kKept), counts_(bins), upto_(bins) {
  for (int k = 0; k < bins; ++k)
    starts_[k] = static_cast<float>(process.at_share(static_cast<double>(k) / bins));
  renew();
}

int LossRecord::bin(float t) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), t);
  return static_cast<int>(std::max<std::ptrdiff_t>(after - starts_.begin() - 1, 0));
}

// The oldest falls out at the end.
void LossRecord::add(int bin, double loss) {
  float* kept = losses_.data() + static_cast<std::size_t>(bin) * kKept;
  std::copy_backward(kept, kept + kKept - 1, kept + kKept);
  kept[0] = static_cast<float>(loss);
  counts_[bin] = std::min(counts_[bin] + 1, kKept);
}

void LossRecord::renew() {
  const int bins = this->bins();
  std::vector<double> w(bins, 1.0);
  if (std::all_of(counts_.begin(), counts_.end(), [](int count) { return count == kKept; }))
    for (int k = 0; k < bins; ++k) {
      double squares = 0;
      for (int i = 0; i < kKept; ++i) squares += double(losses_[k * kKept + i]) * losses_[k * kKept + i];
      w[k] = std::sqrt(squares / kKept);
    }
  double all = 0;
  for (const double one : w) all += one;
  double upto = 0;
  for (int k = 0; k < bins; ++k) {
    const double share = all > 0 ? w[k] / all : 1.0 / bins;
    upto_[k] = upto += (1 - kFloor) * share + kFloor / bins;
  }
}

LossRecord::Draw LossRecord::draw(double u) const {
  const double place = u * upto_.back();
  const int k = std::min<int>(
      static_cast<int>(std::upper_bound(upto_.begin(), upto_.end(), place) - upto_.begin()), bins() - 1);
  const double p = probability(k), before = upto_[k] - p;
  const double inside = std::clamp((place - before) / p, 0.0, 1 - 0x1p-30);
  return {.share = (k + inside) / bins(), .weight = 1 / (bins() * p)};
}

}  // namespace dagfusion
