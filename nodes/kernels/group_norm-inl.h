// What both directions of group_norm share, once per instruction set.
#if defined(DAGFUSION_KERNELS_GROUP_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef DAGFUSION_KERNELS_GROUP_NORM_INL_H_
#undef DAGFUSION_KERNELS_GROUP_NORM_INL_H_
#else
#define DAGFUSION_KERNELS_GROUP_NORM_INL_H_
#endif

#include <algorithm>
#include <numeric>

#include "graph/values/bfloat16-inl.h"
#include "nodes/kernels/group_norm.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

constexpr int kMaxBlock = 16;
constexpr std::size_t kChunk = kGroupNormChunk;

// Groups may cut across blocks, so both directions go run by run: a run is the fewest blocks that hold whole
// groups. Its data is still in the cache when it is read the second time, and it has at most `block` groups.
struct Run {
  int begin, end;  // channels
  int first_group, groups;
  int size;  // channels of a group
};
template <class F>
HWY_INLINE void ForRuns(const GroupNormShape& shape, const F& visit) {
  const int size = shape.channels / shape.groups, step = std::lcm(size, shape.block);
  for (int begin = 0; begin < shape.channels; begin += step) {
    const int end = std::min(shape.channels, begin + step);
    visit(Run{begin, end, begin / size, (end - begin) / size, size});
  }
}

// A slice is as many neighbouring channels as a vector holds, all pixels: a vector every `block` floats.
// Calls visit(first channel, offset of the slice in the image).
template <class D, class F>
HWY_INLINE void ForSlices(D d, const GroupNormShape& shape, const Run& run, const F& visit) {
  const int block = shape.block;
  for (int c = run.begin; c < run.end || c % block != 0; c += static_cast<int>(hn::Lanes(d))) {
    visit(c, static_cast<std::size_t>(c / block) * shape.pixels * block + c % block);
  }
}

// Calls visit(lane, channel, its group within the run) for the channels of a slice that are not filling.
template <class D, class F>
HWY_INLINE void ForLanes(D d, const Run& run, int first, const F& visit) {
  int g = first / run.size - run.first_group, left = run.size - first % run.size;
  const int count = std::min(static_cast<int>(hn::Lanes(d)), run.end - first);
  for (int i = 0; i < count; ++i) {
    visit(i, first + i, g);
    if (--left == 0) ++g, left = run.size;
  }
}

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

// z = scale * (x - center) + offset per channel, xhat = rstd * (x - center) + tilt; all zero in filling
// channels. The center is the mean rounded to a float: the difference is exact where it matters, offset and
// tilt mend the rounding.
template <class D>
struct Affine {
  HWY_ALIGN float scale[kMaxLanes] = {}, center[kMaxLanes] = {}, offset[kMaxLanes] = {};
  double rstd[kMaxLanes] = {}, tilt[kMaxLanes] = {};

  // means, rstds: of the run's groups.
  Affine(D d, const Run& run, int first, const float* shift, const float* gamma, const float* beta,
         const double* means, const float* rstds) {
    ForLanes(d, run, first, [&](int i, int c, int g) HWY_ATTR {
      const double mean = means[g] - (shift ? shift[c] : 0.0f);
      rstd[i] = rstds[g];
      center[i] = static_cast<float>(mean);
      tilt[i] = (center[i] - mean) * rstd[i];
      scale[i] = static_cast<float>(gamma[c] * rstd[i]);
      offset[i] = static_cast<float>(beta[c] + gamma[c] * tilt[i]);
    });
  }
};

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
