#include "nodes/kernels/adam.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/adam.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// beta * mean + (1 - beta) * value, where way = value - mean and rest = 1 - beta. Only 1 - beta is rounded to float:
// float(beta) and float(1 - beta) do not add up to 1, and the mean would end too small (1.7e-4 at beta 0.9999).
template <class V>
HWY_INLINE V Towards(V mean, V rest, V way) {
  return hn::MulAdd(rest, way, mean);
}

// The step's constants, spread over vectors.
struct Constants {
  using V = hn::Vec<Floats>;
  V scale, decay_value, decay_gradient, rest1, rest2, rate, root, epsilon;

  explicit Constants(const AdamStep& s) {
    const auto set = [](double value) HWY_ATTR { return hn::Set(Floats(), static_cast<float>(value)); };
    scale = set(s.gradient_scale);
    decay_value = set(s.decoupled ? -s.learning_rate * s.weight_decay : 0);
    decay_gradient = set(s.decoupled ? 0 : s.weight_decay);
    rest1 = set(1 - s.beta1);
    rest2 = set(1 - s.beta2);
    rate = set(-s.learning_rate / s.correction1);
    root = set(1 / std::sqrt(s.correction2));
    epsilon = set(s.epsilon);
  }

  HWY_INLINE void Update(V& value, V gradient, V& m, V& v) const {
    const V g = hn::MulAdd(decay_gradient, value, hn::Mul(scale, gradient));
    m = Towards(m, rest1, hn::Sub(g, m));
    v = Towards(v, rest2, hn::MulSub(g, g, v));
    const V step = hn::Div(hn::Mul(rate, m), hn::MulAdd(hn::Sqrt(v), root, epsilon));
    value = hn::Add(value, hn::MulAdd(decay_value, value, step));
  }
};

void Adam(const AdamStep& step, float* value, const float* gradient, float* m, float* v, std::size_t n) {
  const Floats d;
  const Constants constants(step);
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto w = hn::LoadU(d, value + i), first = hn::LoadU(d, m + i), second = hn::LoadU(d, v + i);
    constants.Update(w, hn::LoadU(d, gradient + i), first, second);
    hn::StoreU(w, d, value + i);
    hn::StoreU(first, d, m + i);
    hn::StoreU(second, d, v + i);
  }
  if (const std::size_t left = n - i; left > 0) {
    auto w = LoadLast(d, value + i, left), first = LoadLast(d, m + i, left),
         second = LoadLast(d, v + i, left);
    constants.Update(w, LoadLast(d, gradient + i, left), first, second);
    StoreLast(w, d, value + i, left);
    StoreLast(first, d, m + i, left);
    StoreLast(second, d, v + i, left);
  }
}

void MoveAverage(double decay, const float* value, float* average, std::size_t n) {
  const Floats d;
  const auto rest = hn::Set(d, static_cast<float>(1 - decay));
  Map(
      average, n, [&](auto a, auto v) HWY_ATTR { return Towards(a, rest, hn::Sub(v, a)); }, average, value);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Adam);
HWY_EXPORT(MoveAverage);

void adam(const AdamStep& step, float* value, const float* gradient, float* m, float* v, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(Adam)(step, value, gradient, m, v, n);
}

void move_average(double decay, const float* value, float* average, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(MoveAverage)(decay, value, average, n);
}

}  // namespace dagfusion::kernels
#endif
