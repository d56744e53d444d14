#include "nodes/kernels/group_norm.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/group_norm.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/group_norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// Of a slice: sums of x - pivot and its square over a chunk,
// and the pivot, the mean of up to eight of all pixels.
template <class D>
struct Sums {
  using V = hn::Vec<D>;
  V pivot, sum, square;

  template <class T>
  Sums(D d, const T* x, std::size_t pixels, std::size_t block, std::size_t chunk) {
    const std::size_t sampled = std::min<std::size_t>(8, pixels);
    pivot = hn::Zero(d);
    for (std::size_t k = 0; k < sampled; ++k)
      pivot = hn::Add(pivot, LoadFloats(d, x + k * pixels / sampled * block));
    pivot = hn::Mul(pivot, hn::Set(d, 1.0f / static_cast<float>(sampled)));

    V s[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    V q[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    const auto add = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(LoadFloats(d, x + p * block), pivot);
      s[k] = hn::Add(s[k], u);
      q[k] = hn::MulAdd(u, u, q[k]);
    };
    std::size_t p = chunk * kChunk;
    const std::size_t end = std::min(pixels, p + kChunk);
    for (; p + 4 <= end; p += 4) {
      add(p, 0), add(p + 1, 1), add(p + 2, 2), add(p + 3, 3);
    }
    for (; p < end; ++p) add(p, 0);
    sum = Sum4(s);
    square = Sum4(q);
  }

  // Kept for all channels of a chunk together, `step` floats apart.
  Sums(D d, const float* kept, std::size_t step)
      : pivot(hn::LoadU(d, kept)), sum(hn::LoadU(d, kept + step)), square(hn::LoadU(d, kept + 2 * step)) {}
  void Keep(D d, float* to, std::size_t step) const {
    hn::StoreU(pivot, d, to), hn::StoreU(sum, d, to + step), hn::StoreU(square, d, to + 2 * step);
  }
};

// Mean and variance of each channel of a slice; sums(chunk) gives its sums.
template <class D, class F>
HWY_INLINE void Moments(D d, std::size_t pixels, const F& sums, double* mean, double* variance) {
  HWY_ALIGN float center[kMaxLanes] = {};
  double sum[kMaxLanes] = {}, square[kMaxLanes] = {};
  for (std::size_t chunk = 0; chunk * kChunk < pixels; ++chunk) {
    const Sums<D> s = sums(chunk);
    if (chunk == 0) hn::Store(s.pivot, d, center);
    AddTo(d, s.sum, sum);
    AddTo(d, s.square, square);
  }
  const double share = 1 / static_cast<double>(pixels);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    mean[i] = center[i] + sum[i] * share;
    variance[i] = (square[i] - sum[i] * sum[i] * share) * share;
  }
}

template <bool silu, class D, class T>
HWY_INLINE void Apply(D d, const Affine<D>& affine, const T* x, std::size_t pixels, std::size_t block, T* y) {
  const auto scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center);
  const auto offset = hn::Load(d, affine.offset), one = hn::Set(d, 1.0f);
  const auto value = [&](std::size_t i) HWY_ATTR {
    const auto z = hn::MulAdd(scale, hn::Sub(LoadFloats(d, x + i), center), offset);
    if constexpr (silu) return hn::Div(z, hn::Add(one, Exp(d, hn::Neg(z))));
    return z;
  };
  std::size_t i = 0;
  const std::size_t end = pixels * block;
  if (pixels % 2 == 1) {
    StoreFloats(value(0), d, y);
    i = block;
  }
  for (; i < end; i += 2 * block) {
    const auto first = value(i), second = value(i + block);
    StoreFloats(first, d, y + i);
    StoreFloats(second, d, y + i + block);
  }
}

// kept: the sums of all chunks; null: they are taken here.
// T: of the feature maps, float or BFloat16.
template <int block, bool silu, class T>
HWY_INLINE void Forward(const GroupNormShape& shape, GroupNormChunks chunks, const T* x, const float* kept,
                        const float* shift, const float* gamma, const float* beta, T* y, float* mean,
                        float* rstd) {
  using D = hn::CappedTag<float, block>;
  const D d;
  const std::size_t step = filled_channels(shape), begin = chunks.first * kChunk,
                    pixels = std::min(shape.pixels, chunks.end * kChunk) - begin;
  ForRuns(shape, [&](const Run& run) HWY_ATTR {
    double sums[kMaxBlock] = {}, squares[kMaxBlock] = {}, means[kMaxBlock];  // of E[v] and E[v^2], by group
    float rstds[kMaxBlock];
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      double channel_mean[kMaxLanes], variance[kMaxLanes];
      const auto sums_of = [&](std::size_t chunk) HWY_ATTR {
        return kept ? Sums<D>(d, kept + chunk * kGroupNormSums * step + first, step)
                    : Sums<D>(d, x + at, shape.pixels, block, chunk);
      };
      Moments(d, shape.pixels, sums_of, channel_mean, variance);
      ForLanes(d, run, first, [&](int i, int c, int g) HWY_ATTR {
        const double m = channel_mean[i] + (shift ? shift[c] : 0.0f);
        sums[g] += m;
        squares[g] += variance[i] + m * m;
      });
    });
    for (int g = 0; g < run.groups; ++g) {
      means[g] = shape.centered ? sums[g] / run.size : 0.0;
      const double variance = std::max(0.0, squares[g] / run.size - means[g] * means[g]);
      rstds[g] = static_cast<float>(1 / std::sqrt(variance + shape.epsilon));
      if (begin == 0) {
        mean[run.first_group + g] = static_cast<float>(means[g]);
        rstd[run.first_group + g] = rstds[g];
      }
    }
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      const Affine affine(d, run, first, shift, gamma, beta, means, rstds);
      Apply<silu>(d, affine, x + at + begin * block, pixels, block, y + at + begin * block);
    });
  });
}

template <class T>
void ForwardOf(const GroupNormShape& s, GroupNormChunks chunks, const T* x, const float* kept,
               const float* shift, const float* gamma, const float* beta, T* y, float* mean, float* rstd) {
  const auto run = s.block == 16 ? (s.silu ? Forward<16, true, T> : Forward<16, false, T>)
                                 : (s.silu ? Forward<8, true, T> : Forward<8, false, T>);
  run(s, chunks, x, kept, shift, gamma, beta, y, mean, rstd);
}

void GroupNormForward(const GroupNormShape& s, GroupNormChunks chunks, const float* x, const float* kept,
                      const float* shift, const float* gamma, const float* beta, float* y, float* mean,
                      float* rstd) {
  ForwardOf(s, chunks, x, kept, shift, gamma, beta, y, mean, rstd);
}
void GroupNormForwardHalf(const GroupNormShape& s, const BFloat16* x, const float* shift, const float* gamma,
                          const float* beta, BFloat16* y, float* mean, float* rstd) {
  ForwardOf(s, {0, group_norm_chunks(s.pixels)}, x, nullptr, shift, gamma, beta, y, mean, rstd);
}

template <int block>
HWY_INLINE void KeepSums(const GroupNormShape& shape, GroupNormChunks chunks, const float* x, float* sums) {
  using D = hn::CappedTag<float, block>;
  const D d;
  const std::size_t step = filled_channels(shape);
  ForRuns(shape, [&](const Run& run) HWY_ATTR {
    ForSlices(d, shape, run, [&](int first, std::size_t at) HWY_ATTR {
      for (std::size_t chunk = chunks.first; chunk < chunks.end; ++chunk)
        Sums<D>(d, x + at, shape.pixels, block, chunk)
            .Keep(d, sums + chunk * kGroupNormSums * step + first, step);
    });
  });
}

void GroupNormSums(const GroupNormShape& s, GroupNormChunks chunks, const float* x, float* sums) {
  s.block == 16 ? KeepSums<16>(s, chunks, x, sums) : KeepSums<8>(s, chunks, x, sums);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(GroupNormForward);
HWY_EXPORT(GroupNormForwardHalf);
HWY_EXPORT(GroupNormSums);

void group_norm(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd) {
  group_norm_from_sums(shape, {0, group_norm_chunks(shape.pixels)}, x, nullptr, shift, gamma, beta, y, mean,
                       rstd);
}

void group_norm(const GroupNormShape& shape, const BFloat16* x, const float* shift, const float* gamma,
                const float* beta, BFloat16* y, float* mean, float* rstd) {
  HWY_DYNAMIC_DISPATCH(GroupNormForwardHalf)(shape, x, shift, gamma, beta, y, mean, rstd);
}

void group_norm_sums(const GroupNormShape& shape, GroupNormChunks chunks, const float* x, float* sums) {
  HWY_DYNAMIC_DISPATCH(GroupNormSums)(shape, chunks, x, sums);
}

void group_norm_from_sums(const GroupNormShape& shape, GroupNormChunks chunks, const float* x,
                          const float* sums, const float* shift, const float* gamma, const float* beta,
                          float* y, float* mean, float* rstd) {
  HWY_DYNAMIC_DISPATCH(GroupNormForward)
  (shape, chunks, x, sums, shift, gamma, beta, y, mean, rstd);
}

}  // namespace dagfusion::kernels
#endif
