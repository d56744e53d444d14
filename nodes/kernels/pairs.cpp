#include "nodes/kernels/pairs.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/pairs.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::ScalableTag<double>;
using HalfFloats = hn::Rebind<float, Doubles>;

HWY_INLINE auto Wide(const float* x) { return hn::PromoteTo(Doubles(), hn::LoadU(HalfFloats(), x)); }

// One term of each sum: vectors `along`, and single numbers at the end.
struct Products {
  template <class V>
  HWY_INLINE V operator()(V a, V b, V sum) const {
    return hn::MulAdd(a, b, sum);
  }
};
struct SquaredDifferences {
  template <class V>
  HWY_INLINE V operator()(V a, V b, V sum) const {
    const V d = hn::Sub(a, b);
    return hn::MulAdd(d, d, sum);
  }
};

// Four rows at a time, so that `row` is widened once for four sums, and four chains of additions overlap.
template <class Term>
void OverPairs(const float* row, const float* rows, std::size_t count, std::size_t n, double* to,
               const Term& term) {
  const Doubles d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < count; j += 4) {
    const auto from = [&](std::size_t k) { return rows + (j + k < count ? j + k : j) * n; };
    const float *r0 = from(0), *r1 = from(1), *r2 = from(2), *r3 = from(3);
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const auto a = Wide(row + i);
      s0 = term(a, Wide(r0 + i), s0);
      s1 = term(a, Wide(r1 + i), s1);
      s2 = term(a, Wide(r2 + i), s2);
      s3 = term(a, Wide(r3 + i), s3);
    }
    double sums[4] = {hn::GetLane(hn::SumOfLanes(d, s0)), hn::GetLane(hn::SumOfLanes(d, s1)),
                      hn::GetLane(hn::SumOfLanes(d, s2)), hn::GetLane(hn::SumOfLanes(d, s3))};
    for (; i < n; ++i) {
      const hn::CappedTag<double, 1> one;
      const auto a = hn::Set(one, static_cast<double>(row[i]));
      for (std::size_t k = 0; k < 4; ++k)
        sums[k] = hn::GetLane(term(a, hn::Set(one, static_cast<double>(from(k)[i])), hn::Set(one, sums[k])));
    }
    for (std::size_t k = 0; k < 4 && j + k < count; ++k) to[j + k] = sums[k];
  }
}

void DotProducts(const float* row, const float* rows, std::size_t count, std::size_t n, double* to) {
  OverPairs(row, rows, count, n, to, Products());
}

void SquaredDistances(const float* row, const float* rows, std::size_t count, std::size_t n, double* to) {
  OverPairs(row, rows, count, n, to, SquaredDifferences());
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(DotProducts);
HWY_EXPORT(SquaredDistances);

void dot_products(const float* row, const float* rows, std::size_t count, std::size_t n, double* to) {
  HWY_DYNAMIC_DISPATCH(DotProducts)(row, rows, count, n, to);
}

void squared_distances(const float* row, const float* rows, std::size_t count, std::size_t n, double* to) {
  HWY_DYNAMIC_DISPATCH(SquaredDistances)(row, rows, count, n, to);
}

}  // namespace dagfusion::kernels
#endif
