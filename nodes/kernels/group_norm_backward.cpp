#include "nodes/kernels/group_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/group_norm_backward.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/group_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// Writes dz; adds sums of dz and of dz * (x - center) to `plain` and `weighted`. T: float or BFloat16.
template <bool silu, class D, class T>
HWY_INLINE void BackThroughSilu(D d, const Affine<D>& affine, const T* x, const T* dy, std::size_t pixels,
                                std::size_t block, float* to, double* plain, double* weighted) {
  using V = hn::Vec<D>;
  const V scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center),
          offset = hn::Load(d, affine.offset);
  for (std::size_t begin = 0; begin < pixels; begin += kChunk) {
    const std::size_t end = std::min(pixels, begin + kChunk);
    V s[2] = {hn::Zero(d), hn::Zero(d)};
    V w[2] = {hn::Zero(d), hn::Zero(d)};
    const auto add = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(LoadFloats(d, x + p * block), center);
      V dz = LoadFloats(d, dy + p * block);
      if constexpr (silu) {
        const V z = hn::MulAdd(scale, u, offset), sigmoid = Sigmoid(d, z);
        dz = hn::Mul(dz, hn::MulAdd(sigmoid, hn::NegMulAdd(z, sigmoid, z), sigmoid));
      }
      hn::StoreU(dz, d, to + p * block);
      s[k] = hn::Add(s[k], dz);
      w[k] = hn::MulAdd(dz, u, w[k]);
    };
    std::size_t p = begin;
    for (; p + 2 <= end; p += 2) {
      add(p, 0), add(p + 1, 1);
    }
    for (; p < end; ++p) add(p, 0);
    AddTo(d, hn::Add(s[0], s[1]), plain);
    AddTo(d, hn::Add(w[0], w[1]), weighted);
  }
}

// dx = scale * dz + (slope * (x - center) + constant); adds the sum of dx to `sums`.
template <class D, class T>
HWY_INLINE void BackThroughNorm(D d, const Affine<D>& affine, const float* slopes, const float* constants,
                                const T* x, std::size_t pixels, std::size_t block, const float* dz, T* dx,
                                double* sums) {
  using V = hn::Vec<D>;
  const V scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center);
  const V slope = hn::Load(d, slopes), constant = hn::Load(d, constants);
  for (std::size_t begin = 0; begin < pixels; begin += kChunk) {
    const std::size_t end = std::min(pixels, begin + kChunk);
    V s[2] = {hn::Zero(d), hn::Zero(d)};
    const auto write = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(LoadFloats(d, x + p * block), center);
      const V v = hn::MulAdd(scale, hn::LoadU(d, dz + p * block), hn::MulAdd(slope, u, constant));
      StoreFloats(v, d, dx + p * block);
      s[k] = hn::Add(s[k], v);
    };
    std::size_t p = begin;
    for (; p + 2 <= end; p += 2) {
      write(p, 0), write(p + 1, 1);
    }
    for (; p < end; ++p) write(p, 0);
    AddTo(d, hn::Add(s[0], s[1]), sums);
  }
}

template <int block, bool silu, class T>
HWY_INLINE void Backward(const GroupNormShape& shape, const T* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const T* dy, float* dz,
                         T* dx, float* dshift, float* dgamma, float* dbeta) {
  const hn::CappedTag<float, block> d;
  ForRuns(shape, [&](const Run& run) HWY_ATTR {
    double means[kMaxBlock], a[kMaxBlock] = {}, b[kMaxBlock] = {};  // A and B of the header, by group
    for (int g = 0; g < run.groups; ++g) means[g] = mean[run.first_group + g];
    const double share = 1 / (static_cast<double>(shape.pixels) * run.size);
    const auto affine_at = [&](int first) HWY_ATTR {
      return Affine(d, run, first, shift, gamma, beta, means, rstd + run.first_group);
    };
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      const auto affine = affine_at(first);
      double plain[kMaxLanes] = {}, weighted[kMaxLanes] = {};
      BackThroughSilu<silu>(d, affine, x + at, dy + at, shape.pixels, block, dz + at, plain, weighted);
      ForLanes(d, run, first, [&](int i, int c, int g) HWY_ATTR {
        const double dz_xhat = affine.rstd[i] * weighted[i] + affine.tilt[i] * plain[i];
        if (shape.centered) a[g] += gamma[c] * plain[i] * share;
        b[g] += gamma[c] * dz_xhat * share;
        if (dgamma) dgamma[c] += static_cast<float>(dz_xhat);
        if (dbeta) dbeta[c] += static_cast<float>(plain[i]);
      });
    });
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      const auto affine = affine_at(first);
      HWY_ALIGN float slope[kMaxLanes] = {}, constant[kMaxLanes] = {};
      ForLanes(d, run, first, [&](int i, int, int g) HWY_ATTR {
        slope[i] = static_cast<float>(-affine.rstd[i] * affine.rstd[i] * b[g]);
        constant[i] = static_cast<float>(-affine.rstd[i] * (a[g] + affine.tilt[i] * b[g]));
      });
      double sums[kMaxLanes] = {};
      BackThroughNorm(d, affine, slope, constant, x + at, shape.pixels, block, dz + at, dx + at, sums);
      if (!dshift) return;
      ForLanes(d, run, first, [&](int i, int c, int) { dshift[c] = static_cast<float>(sums[i]); });
    });
  });
}

template <class T>
void BackwardOf(const GroupNormShape& s, const T* x, const float* shift, const float* mean, const float* rstd,
                const float* gamma, const float* beta, const T* dy, float* dz, T* dx, float* dshift,
                float* dgamma, float* dbeta) {
  const auto run = s.block == 16 ? (s.silu ? Backward<16, true, T> : Backward<16, false, T>)
                                 : (s.silu ? Backward<8, true, T> : Backward<8, false, T>);
  run(s, x, shift, mean, rstd, gamma, beta, dy, dz, dx, dshift, dgamma, dbeta);
}

void GroupNormBackward(const GroupNormShape& s, const float* x, const float* shift, const float* mean,
                       const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                       float* dshift, float* dgamma, float* dbeta) {
  BackwardOf(s, x, shift, mean, rstd, gamma, beta, dy, dx, dx, dshift, dgamma, dbeta);
}
void GroupNormBackwardHalf(const GroupNormShape& s, const BFloat16* x, const float* shift, const float* mean,
                           const float* rstd, const float* gamma, const float* beta, const BFloat16* dy,
                           float* dz, BFloat16* dx, float* dshift, float* dgamma, float* dbeta) {
  BackwardOf(s, x, shift, mean, rstd, gamma, beta, dy, dz, dx, dshift, dgamma, dbeta);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(GroupNormBackward);
HWY_EXPORT(GroupNormBackwardHalf);

void group_norm_backward(const GroupNormShape& shape, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta) {
  HWY_DYNAMIC_DISPATCH(GroupNormBackward)
  (shape, x, shift, mean, rstd, gamma, beta, dy, dx, dshift, dgamma, dbeta);
}
void group_norm_backward(const GroupNormShape& shape, const BFloat16* x, const float* shift,
                         const float* mean, const float* rstd, const float* gamma, const float* beta,
                         const BFloat16* dy, float* dz, BFloat16* dx, float* dshift, float* dgamma,
                         float* dbeta) {
  HWY_DYNAMIC_DISPATCH(GroupNormBackwardHalf)
  (shape, x, shift, mean, rstd, gamma, beta, dy, dz, dx, dshift, dgamma, dbeta);
}

}  // namespace dagfusion::kernels
#endif
