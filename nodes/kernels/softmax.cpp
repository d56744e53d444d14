#include "nodes/kernels/softmax.h"

#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/softmax.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// The last vector of a row is filled up with -infinity, which adds nothing to the maximum and to the total.
void Softmax(float scale, float* s, std::size_t rows, std::size_t columns) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d), left = columns % lanes, whole = columns - left;
  const auto factor = hn::Set(d, scale), lowest = hn::Set(d, -87.0f);
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  for (std::size_t r = 0; r < rows; ++r, s += columns) {
    auto largest = hn::Set(d, kNone), second = largest;  // two at a time: each waits for the one before it
    std::size_t at = 0;
    for (; at + 2 * lanes <= whole; at += 2 * lanes) {
      largest = hn::Max(largest, hn::LoadU(d, s + at));
      second = hn::Max(second, hn::LoadU(d, s + at + lanes));
    }
    if (at < whole) largest = hn::Max(largest, hn::LoadU(d, s + at));
    largest = hn::Max(largest, second);
    if (left > 0) largest = hn::Max(largest, LoadLast(d, s + whole, left, kNone));
    largest = hn::MaxOfLanes(d, largest);

    auto total = hn::Zero(d);
    const auto weigh = [&](auto v) HWY_ATTR {
      const auto x = hn::Mul(factor, hn::Sub(v, largest));
      const auto e = hn::IfThenZeroElse(hn::Lt(x, lowest), Exp(d, x));
      const auto p = hn::IfThenElse(hn::IsNaN(x), x, e);
      total = hn::Add(total, p);
      return p;
    };
    for (std::size_t i = 0; i < whole; i += lanes) hn::StoreU(weigh(hn::LoadU(d, s + i)), d, s + i);
    if (left > 0) StoreLast(weigh(LoadLast(d, s + whole, left, kNone)), d, s + whole, left);

    const auto inverse = hn::Div(hn::Set(d, 1.0f), hn::SumOfLanes(d, total));
    Map(
        s, columns, [&](auto p) HWY_ATTR { return hn::Mul(p, inverse); }, s);
  }
}

void SoftmaxBackward(float scale, const float* p, const float* dp, float* ds, std::size_t rows,
                     std::size_t columns) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d), left = columns % lanes, whole = columns - left;
  const auto factor = hn::Set(d, scale);
  for (std::size_t r = 0; r < rows; ++r, p += columns, dp += columns, ds += columns) {
    auto dot = hn::Zero(d);
    for (std::size_t i = 0; i < whole; i += lanes) {
      dot = hn::MulAdd(hn::LoadU(d, dp + i), hn::LoadU(d, p + i), dot);
    }
    if (left > 0) dot = hn::MulAdd(LoadLast(d, dp + whole, left), LoadLast(d, p + whole, left), dot);
    dot = hn::SumOfLanes(d, dot);
    const auto gradient = [&](auto u, auto du)
                              HWY_ATTR { return hn::Mul(hn::Mul(factor, u), hn::Sub(du, dot)); };
    Map(ds, columns, gradient, p, dp);
  }
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Softmax);
HWY_EXPORT(SoftmaxBackward);

void softmax(float scale, float* s, std::size_t rows, std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(Softmax)(scale, s, rows, columns);
}

void softmax_backward(float scale, const float* p, const float* dp, float* ds, std::size_t rows,
                      std::size_t columns) {
  HWY_DYNAMIC_DISPATCH(SoftmaxBackward)(scale, p, dp, ds, rows, columns);
}

}  // namespace dagfusion::kernels
#endif
