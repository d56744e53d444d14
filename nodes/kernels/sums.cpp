#include "nodes/kernels/sums.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/sums.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

void Add2(const float* a, const float* b, float* y, std::size_t n) {
  Map(
      y, n, [](auto u, auto v) HWY_ATTR { return hn::Add(u, v); }, a, b);
}

void Add3(const float* a, const float* b, const float* c, float* y, std::size_t n) {
  Map(
      y, n, [](auto u, auto v, auto w) HWY_ATTR { return hn::Add(hn::Add(u, v), w); }, a, b, c);
}

void Scale(float s, const float* a, float* y, std::size_t n) {
  const auto factor = hn::Set(Floats(), s);
  Map(
      y, n, [&](auto v) HWY_ATTR { return hn::Mul(factor, v); }, a);
}

void Multiply(const float* a, const float* b, float* y, std::size_t n) {
  Map(
      y, n, [](auto u, auto v) HWY_ATTR { return hn::Mul(u, v); }, a, b);
}

void Axpby(float s, const float* a, float t, const float* b, float* y, std::size_t n) {
  const auto first = hn::Set(Floats(), s), second = hn::Set(Floats(), t);
  Map(
      y, n, [&](auto u, auto v) HWY_ATTR { return hn::MulAdd(first, u, hn::Mul(second, v)); }, a, b);
}

void SquaredDifferenceBackward(float s, const float* a, const float* b, float* da, std::size_t n) {
  const auto factor = hn::Set(Floats(), s);
  Map(
      da, n, [&](auto u, auto v) HWY_ATTR { return hn::Mul(factor, hn::Sub(u, v)); }, a, b);
}

// The sum of f(in...) in double; f takes and gives vectors of doubles.
// Eight partial sums, so that no addition waits for the one before.
template <class F, class... In>
HWY_INLINE double Total(std::size_t n, const F& f, const In*... in) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<decltype(d)> part[8];
  for (auto& p : part) p = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 8 * lanes <= n; i += 8 * lanes) {
    for (std::size_t k = 0; k < 8; ++k) {
      part[k] = f(part[k], hn::PromoteTo(d, hn::LoadU(df, in + i + k * lanes))...);
    }
  }
  for (; i < n; i += lanes) {
    const std::size_t left = n - i < lanes ? n - i : lanes;
    part[0] = f(part[0], hn::PromoteTo(d, LoadLast(df, in + i, left))...);
  }
  for (int half = 4; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) part[k] = hn::Add(part[k], part[k + half]);
  }
  return hn::GetLane(hn::SumOfLanes(d, part[0]));
}

double Sum(const float* x, std::size_t n) {
  return Total(
      n, [](auto sum, auto v) HWY_ATTR { return hn::Add(sum, v); }, x);
}

double SumOfSquares(const float* x, std::size_t n) {
  return Total(
      n, [](auto sum, auto v) HWY_ATTR { return hn::MulAdd(v, v, sum); }, x);
}

double SumOfSquaredDifferences(const float* a, const float* b, std::size_t n) {
  const auto add = [](auto sum, auto u, auto v) HWY_ATTR {
    const auto difference = hn::Sub(u, v);
    return hn::MulAdd(difference, difference, sum);
  };
  return Total(n, add, a, b);
}

// Zero times a finite number is zero, zero times infinity or NaN is NaN, and NaN stays in a sum.
bool AllFinite(const float* x, std::size_t n) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<Floats> part[4];
  for (auto& p : part) p = hn::Zero(d);
  const auto zero = hn::Zero(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (std::size_t k = 0; k < 4; ++k) part[k] = hn::MulAdd(hn::LoadU(d, x + i + k * lanes), zero, part[k]);
  }
  for (; i + lanes <= n; i += lanes) part[0] = hn::MulAdd(hn::LoadU(d, x + i), zero, part[0]);
  float total = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(part[0], part[1]), hn::Add(part[2], part[3]))));
  for (; i < n; ++i) total += x[i] * 0.0f;
  return total == 0.0f;
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Add2);
HWY_EXPORT(Add3);
HWY_EXPORT(Scale);
HWY_EXPORT(Multiply);
HWY_EXPORT(Axpby);
HWY_EXPORT(SquaredDifferenceBackward);
HWY_EXPORT(Sum);
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(SumOfSquaredDifferences);
HWY_EXPORT(AllFinite);

void add(const float* a, const float* b, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Add2)(a, b, y, n); }

void add(const float* a, const float* b, const float* c, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Add3)(a, b, c, y, n);
}

void accumulate(const float* x, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Add2)(y, x, y, n); }

void scale(float s, const float* a, float* y, std::size_t n) { HWY_DYNAMIC_DISPATCH(Scale)(s, a, y, n); }

void multiply(const float* a, const float* b, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Multiply)(a, b, y, n);
}

void axpby(float s, const float* a, float t, const float* b, float* y, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Axpby)(s, a, t, b, y, n);
}

void squared_difference_backward(float s, const float* a, const float* b, float* da, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SquaredDifferenceBackward)(s, a, b, da, n);
}

double sum(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(Sum)(x, n); }

double sum_of_squares(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(SumOfSquares)(x, n); }

double sum_of_squared_differences(const float* a, const float* b, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(SumOfSquaredDifferences)(a, b, n);
}

bool all_finite(const float* x, std::size_t n) { return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n); }

}  // namespace dagfusion::kernels
#endif
