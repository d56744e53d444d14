#include "nodes/kernels/group_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/group_norm.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/group_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// Mean and variance of each channel.
template <class D>
HWY_INLINE void Moments(D d, const float* x, std::size_t pixels, std::size_t block, double* mean,
                        double* variance) {
  using V = hn::Vec<D>;
  const std::size_t lanes = hn::Lanes(d), sampled = std::min<std::size_t>(8, pixels);
  V pivot = hn::Zero(d);
  for (std::size_t k = 0; k < sampled; ++k) {
    pivot = hn::Add(pivot, hn::LoadU(d, x + k * pixels / sampled * block));
  }
  pivot = hn::Mul(pivot, hn::Set(d, 1.0f / static_cast<float>(sampled)));

  double sum[kMaxLanes] = {}, square[kMaxLanes] = {};
  for (std::size_t begin = 0; begin < pixels; begin += kChunk) {
    const std::size_t end = std::min(pixels, begin + kChunk);
    V s[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    V q[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    const auto add = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(hn::LoadU(d, x + p * block), pivot);
      s[k] = hn::Add(s[k], u);
      q[k] = hn::MulAdd(u, u, q[k]);
    };
    std::size_t p = begin;
    for (; p + 4 <= end; p += 4) {
      add(p, 0), add(p + 1, 1), add(p + 2, 2), add(p + 3, 3);
    }
    for (; p < end; ++p) add(p, 0);
    AddTo(d, Sum4(s), sum);
    AddTo(d, Sum4(q), square);
  }

  HWY_ALIGN float center[kMaxLanes];
  hn::Store(pivot, d, center);
  const double share = 1 / static_cast<double>(pixels);
  for (std::size_t i = 0; i < lanes; ++i) {
    mean[i] = center[i] + sum[i] * share;
    variance[i] = (square[i] - sum[i] * sum[i] * share) * share;
  }
}

template <bool silu, class D>
HWY_INLINE void Apply(D d, const Affine<D>& affine, const float* x, std::size_t pixels, std::size_t block,
                      float* y) {
  const auto scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center);
  const auto offset = hn::Load(d, affine.offset), one = hn::Set(d, 1.0f);
  const auto value = [&](std::size_t i) HWY_ATTR {
    const auto z = hn::MulAdd(scale, hn::Sub(hn::LoadU(d, x + i), center), offset);
    if constexpr (silu) return hn::Div(z, hn::Add(one, Exp(d, hn::Neg(z))));
    return z;
  };
  std::size_t i = 0;
  const std::size_t end = pixels * block;
  if (pixels % 2 == 1) {
    hn::StoreU(value(0), d, y);
    i = block;
  }
  for (; i < end; i += 2 * block) {
    const auto first = value(i), second = value(i + block);
    hn::StoreU(first, d, y + i);
    hn::StoreU(second, d, y + i + block);
  }
}

template <int block, bool silu>
HWY_INLINE void Forward(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                        const float* beta, float* y, float* mean, float* rstd) {
  const hn::CappedTag<float, block> d;
  ForRuns(shape, [&](const Run& run) HWY_ATTR {
    double sums[kMaxBlock] = {}, squares[kMaxBlock] = {}, means[kMaxBlock];  // of E[v] and E[v^2], by group
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      double channel_mean[kMaxLanes], variance[kMaxLanes];
      Moments(d, x + at, shape.pixels, block, channel_mean, variance);
      ForLanes(d, run, first, [&](int i, int c, int g) HWY_ATTR {
        const double m = channel_mean[i] + (shift ? shift[c] : 0.0f);
        sums[g] += m;
        squares[g] += variance[i] + m * m;
      });
    });
    for (int g = 0; g < run.groups; ++g) {
      means[g] = shape.centered ? sums[g] / run.size : 0.0;
      const double variance = std::max(0.0, squares[g] / run.size - means[g] * means[g]);
      mean[run.first_group + g] = static_cast<float>(means[g]);
      rstd[run.first_group + g] = static_cast<float>(1 / std::sqrt(variance + shape.epsilon));
    }
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      const Affine affine(d, run, first, shift, gamma, beta, means, rstd + run.first_group);
      Apply<silu>(d, affine, x + at, shape.pixels, block, y + at);
    });
  });
}

void GroupNormForward(const GroupNormShape& s, const float* x, const float* shift, const float* gamma,
                      const float* beta, float* y, float* mean, float* rstd) {
  const auto run = s.block == 16 ? (s.silu ? Forward<16, true> : Forward<16, false>)
                                 : (s.silu ? Forward<8, true> : Forward<8, false>);
  run(s, x, shift, gamma, beta, y, mean, rstd);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(GroupNormForward);

void group_norm(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd) {
  HWY_DYNAMIC_DISPATCH(GroupNormForward)(shape, x, shift, gamma, beta, y, mean, rstd);
}

}  // namespace dagfusion::kernels
#endif
