#include "nodes/kernels/group_norm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/group_norm.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// A slice is as many neighbouring channels as a vector holds, all pixels: a vector every `block` floats.
// Groups may cut across blocks, so both directions go run by run: a run is the fewest blocks that hold whole
// groups. Its data is still in the cache when it is read the second time, and it has at most `block` groups.
constexpr int kMaxBlock = 16;
// Sums over this many pixels are taken in float, then added up in double.
constexpr std::size_t kChunk = 1024;

template <class D>
HWY_INLINE void AddTo(D d, hn::Vec<D> v, double* sums) {
  HWY_ALIGN float lane[kMaxLanes];
  hn::Store(v, d, lane);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) sums[i] += lane[i];
}

template <class V>
HWY_INLINE V Sum4(const V* v) {
  return hn::Add(hn::Add(v[0], v[1]), hn::Add(v[2], v[3]));
}

// Mean of each channel and the sum of squared differences from it.
template <class D>
HWY_INLINE void Moments(D d, const float* x, std::size_t pixels, std::size_t block, double* mean,
                        double* squares) {
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
  const double n = static_cast<double>(pixels);
  for (std::size_t i = 0; i < lanes; ++i) {
    mean[i] = center[i] + sum[i] / n;
    squares[i] = square[i] - sum[i] * sum[i] / n;
  }
}

// z = scale * (x - center) + offset per channel, xhat = rstd * (x - center) + tilt; all zero in filling
// channels. The center is the mean rounded to a float: the difference is exact where it matters, offset and
// tilt mend the rounding.
template <class D>
struct Affine {
  HWY_ALIGN float scale[kMaxLanes] = {}, center[kMaxLanes] = {}, offset[kMaxLanes] = {};
  double rstd[kMaxLanes] = {}, tilt[kMaxLanes] = {};

  Affine(D d, const GroupNormShape& shape, int first, const float* shift, const float* gamma,
         const float* beta, const double* means, const float* rstds, int first_group) {
    const int size = shape.channels / shape.groups;
    const int count = std::min<int>(hn::Lanes(d), std::max(0, shape.channels - first));
    for (int i = 0; i < count; ++i) {
      const int c = first + i, g = c / size - first_group;
      const double mean = means[g] - (shift ? shift[c] : 0.0f);
      rstd[i] = rstds[g];
      center[i] = static_cast<float>(mean);
      tilt[i] = (center[i] - mean) * rstd[i];
      scale[i] = static_cast<float>(gamma[c] * rstd[i]);
      offset[i] = static_cast<float>(beta[c] + gamma[c] * tilt[i]);
    }
  }
};

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

// Writes dz to dx; adds sums of dz and of dz * (x - center) to `plain` and `weighted`.
template <bool silu, class D>
HWY_INLINE void BackThroughSilu(D d, const Affine<D>& affine, const float* x, const float* dy,
                                std::size_t pixels, std::size_t block, float* dx, double* plain,
                                double* weighted) {
  using V = hn::Vec<D>;
  const V scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center),
          offset = hn::Load(d, affine.offset);
  for (std::size_t begin = 0; begin < pixels; begin += kChunk) {
    const std::size_t end = std::min(pixels, begin + kChunk);
    V s[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    V w[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    const auto add = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(hn::LoadU(d, x + p * block), center);
      V dz = hn::LoadU(d, dy + p * block);
      if constexpr (silu) {
        const V z = hn::MulAdd(scale, u, offset), sigmoid = Sigmoid(d, z);
        dz = hn::Mul(dz, hn::MulAdd(sigmoid, hn::NegMulAdd(z, sigmoid, z), sigmoid));
      }
      hn::StoreU(dz, d, dx + p * block);
      s[k] = hn::Add(s[k], dz);
      w[k] = hn::MulAdd(dz, u, w[k]);
    };
    std::size_t p = begin;
    for (; p + 4 <= end; p += 4) {
      add(p, 0), add(p + 1, 1), add(p + 2, 2), add(p + 3, 3);
    }
    for (; p < end; ++p) add(p, 0);
    AddTo(d, Sum4(s), plain);
    AddTo(d, Sum4(w), weighted);
  }
}

// dx = scale * dz + (slope * (x - center) + constant), dz in dx; adds the sum of dx to `sums`.
template <class D>
HWY_INLINE void BackThroughNorm(D d, const Affine<D>& affine, const float* slopes, const float* constants,
                                const float* x, std::size_t pixels, std::size_t block, float* dx,
                                double* sums) {
  using V = hn::Vec<D>;
  const V scale = hn::Load(d, affine.scale), center = hn::Load(d, affine.center);
  const V slope = hn::Load(d, slopes), constant = hn::Load(d, constants);
  for (std::size_t begin = 0; begin < pixels; begin += kChunk) {
    const std::size_t end = std::min(pixels, begin + kChunk);
    V s[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    const auto write = [&](std::size_t p, int k) HWY_ATTR {
      const V u = hn::Sub(hn::LoadU(d, x + p * block), center);
      const V v = hn::MulAdd(scale, hn::LoadU(d, dx + p * block), hn::MulAdd(slope, u, constant));
      hn::StoreU(v, d, dx + p * block);
      s[k] = hn::Add(s[k], v);
    };
    std::size_t p = begin;
    for (; p + 4 <= end; p += 4) {
      write(p, 0), write(p + 1, 1), write(p + 2, 2), write(p + 3, 3);
    }
    for (; p < end; ++p) write(p, 0);
    AddTo(d, Sum4(s), sums);
  }
}

// Calls visit(first channel, offset of its slice in x) for the slices of the run that begins with channel
// `begin`.
template <class D, class F>
HWY_INLINE void ForSlices(D d, const GroupNormShape& shape, int begin, int end, const F& visit) {
  const int lanes = static_cast<int>(hn::Lanes(d)), block = shape.block;
  for (int c = begin; c < end || c % block != 0; c += lanes) {
    visit(c, static_cast<std::size_t>(c / block) * shape.pixels * block + c % block);
  }
}

template <int block, bool silu>
HWY_INLINE void Forward(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                        const float* beta, float* y, float* mean, float* rstd) {
  const hn::CappedTag<float, block> d;
  const int size = shape.channels / shape.groups, run = std::lcm(size, block);
  const double pixels = static_cast<double>(shape.pixels);
  for (int begin = 0; begin < shape.channels; begin += run) {
    const int end = std::min(shape.channels, begin + run), first_group = begin / size;
    double means[kMaxBlock] = {}, squares[kMaxBlock] = {};
    ForSlices(d, shape, begin, end, [&](int c, std::size_t at) HWY_ATTR {
      double m[kMaxLanes], q[kMaxLanes];
      Moments(d, x + at, shape.pixels, block, m, q);
      for (int i = 0; i < static_cast<int>(hn::Lanes(d)) && c + i < end; ++i) {
        // Chan et al. 1979: a channel joins the k channels of its group that came before.
        const int g = (c + i) / size - first_group, k = (c + i) % size;
        const double difference = m[i] + (shift ? shift[c + i] : 0.0f) - means[g];
        means[g] += difference / (k + 1);
        squares[g] += q[i] + difference * difference * pixels * k / (k + 1);
      }
    });
    for (int g = 0; g < (end - begin) / size; ++g) {
      mean[first_group + g] = static_cast<float>(means[g]);
      rstd[first_group + g] =
          static_cast<float>(1 / std::sqrt(std::max(0.0, squares[g]) / (pixels * size) + shape.epsilon));
    }
    ForSlices(d, shape, begin, end, [&](int c, std::size_t at) HWY_ATTR {
      const Affine affine(d, shape, c, shift, gamma, beta, means, rstd + first_group, first_group);
      Apply<silu>(d, affine, x + at, shape.pixels, block, y + at);
    });
  }
}

template <int block, bool silu>
HWY_INLINE void Backward(const GroupNormShape& shape, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta) {
  const hn::CappedTag<float, block> d;
  const int size = shape.channels / shape.groups, run = std::lcm(size, block);
  const int lanes = static_cast<int>(hn::Lanes(d));
  const double count = static_cast<double>(shape.pixels) * size;
  for (int begin = 0; begin < shape.channels; begin += run) {
    const int end = std::min(shape.channels, begin + run), first_group = begin / size;
    double means[kMaxBlock] = {};
    for (int g = 0; g < (end - begin) / size; ++g) means[g] = mean[first_group + g];
    const auto affine_at = [&](int c) HWY_ATTR {
      return Affine(d, shape, c, shift, gamma, beta, means, rstd + first_group, first_group);
    };
    double a[kMaxBlock] = {}, b[kMaxBlock] = {};  // A and B of the head comment, per group of the run
    ForSlices(d, shape, begin, end, [&](int c, std::size_t at) HWY_ATTR {
      const auto affine = affine_at(c);
      double plain[kMaxLanes] = {}, weighted[kMaxLanes] = {};
      BackThroughSilu<silu>(d, affine, x + at, dy + at, shape.pixels, block, dx + at, plain, weighted);
      for (int i = 0; i < lanes && c + i < end; ++i) {
        const int g = (c + i) / size - first_group;
        const double dz_xhat = affine.rstd[i] * weighted[i] + affine.tilt[i] * plain[i];
        a[g] += gamma[c + i] * plain[i] / count;
        b[g] += gamma[c + i] * dz_xhat / count;
        if (dgamma) dgamma[c + i] += static_cast<float>(dz_xhat);
        if (dbeta) dbeta[c + i] += static_cast<float>(plain[i]);
      }
    });
    ForSlices(d, shape, begin, end, [&](int c, std::size_t at) HWY_ATTR {
      const auto affine = affine_at(c);
      HWY_ALIGN float slope[kMaxLanes] = {}, constant[kMaxLanes] = {};
      for (int i = 0; i < lanes && c + i < end; ++i) {
        const int g = (c + i) / size - first_group;
        slope[i] = static_cast<float>(-affine.rstd[i] * affine.rstd[i] * b[g]);
        constant[i] = static_cast<float>(-affine.rstd[i] * (a[g] + affine.tilt[i] * b[g]));
      }
      double sums[kMaxLanes] = {};
      BackThroughNorm(d, affine, slope, constant, x + at, shape.pixels, block, dx + at, sums);
      for (int i = 0; dshift && i < lanes && c + i < end; ++i) dshift[c + i] = static_cast<float>(sums[i]);
    });
  }
}

void GroupNormForward(const GroupNormShape& s, const float* x, const float* shift, const float* gamma,
                      const float* beta, float* y, float* mean, float* rstd) {
  const auto run = s.block == 16 ? (s.silu ? Forward<16, true> : Forward<16, false>)
                                 : (s.silu ? Forward<8, true> : Forward<8, false>);
  run(s, x, shift, gamma, beta, y, mean, rstd);
}

void GroupNormBackward(const GroupNormShape& s, const float* x, const float* shift, const float* mean,
                       const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                       float* dshift, float* dgamma, float* dbeta) {
  const auto run = s.block == 16 ? (s.silu ? Backward<16, true> : Backward<16, false>)
                                 : (s.silu ? Backward<8, true> : Backward<8, false>);
  run(s, x, shift, mean, rstd, gamma, beta, dy, dx, dshift, dgamma, dbeta);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(GroupNormForward);
HWY_EXPORT(GroupNormBackward);

void group_norm(const GroupNormShape& shape, const float* x, const float* shift, const float* gamma,
                const float* beta, float* y, float* mean, float* rstd) {
  HWY_DYNAMIC_DISPATCH(GroupNormForward)(shape, x, shift, gamma, beta, y, mean, rstd);
}

void group_norm_backward(const GroupNormShape& shape, const float* x, const float* shift, const float* mean,
                         const float* rstd, const float* gamma, const float* beta, const float* dy, float* dx,
                         float* dshift, float* dgamma, float* dbeta) {
  HWY_DYNAMIC_DISPATCH(GroupNormBackward)
  (shape, x, shift, mean, rstd, gamma, beta, dy, dx, dshift, dgamma, dbeta);
}

}  // namespace dagfusion::kernels
#endif
