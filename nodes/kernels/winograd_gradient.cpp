#include "nodes/kernels/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/winograd_gradient.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// The gradients of some tiles, transformed: to[place][tile][vector][lane].
template <class D, class T>
HWY_NOINLINE void ReadGradients(D d, const Maps& maps, const T* dy, int first, int count, int channel,
                                int vectors, float* to, std::ptrdiff_t step) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int t = 0; t < count; ++t) {
    const TilePlace tile(maps, first + t);
    for (int j = 0; j < vectors; ++j) {
      const T* from = dy + tile.at(maps, channel + j * lanes);
      hn::Vec<D> read[kTile * kTile], made[kPlaces];
#pragma GCC unroll 4
      for (int r = 0; r < kTile; ++r) {
#pragma GCC unroll 4
        for (int q = 0; q < kTile; ++q) {
          const bool there = r < tile.rows && q < tile.columns;
          read[r * kTile + q] = there ? LoadFloats(d, from + (r * maps.width + q) * maps.block) : hn::Zero(d);
        }
      }
      Transform<kTile, kPatch>(d, read, made, OutputGradientLine());
      float* out = to + (static_cast<std::ptrdiff_t>(t) * vectors + j) * lanes;
#pragma GCC unroll 36
      for (int p = 0; p < kPlaces; ++p) hn::Store(made[p], d, out + p * step);
    }
  }
}

// dbias += the sums of dy over tiles: a transformed tile has its own at place (1, 1).
template <class D>
HWY_INLINE void AddBias(D d, const float* transformed, std::ptrdiff_t step, int count, int vectors,
                        float* dbias) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  const float* sums = transformed + (kPatch + 1) * step;
  for (int j = 0; j < vectors; ++j) {
    auto all = hn::Zero(d);
    for (int t = 0; t < count; ++t) all = hn::Add(all, hn::Load(d, sums + (t * vectors + j) * lanes));
    hn::Store(hn::Add(hn::Load(d, dbias + j * lanes), all), d, dbias + j * lanes);
  }
}

// dweight += G^T u G for the kernels of some output channels, u[place][input channel][vector][lane].
template <class D>
HWY_NOINLINE void AddWeights(D d, int in, int block, const float* u, std::ptrdiff_t step, int channel,
                             int vectors, float* dweight) {
  constexpr int kAll = kTaps * kTaps;
  const int lanes = static_cast<int>(hn::Lanes(d)), square = block * block;
  for (int j = 0; j < vectors; ++j) {
    const int o = channel + j * lanes;
    for (int i = 0; i < in; ++i) {
      const float* from = u + (static_cast<std::ptrdiff_t>(i) * vectors + j) * lanes;
      hn::Vec<D> read[kPlaces], made[kAll];
#pragma GCC unroll 36
      for (int p = 0; p < kPlaces; ++p) read[p] = hn::Load(d, from + p * step);
      Transform<kPatch, kTaps>(d, read, made, WeightGradientLine());
      float* to = dweight +
                  (static_cast<std::ptrdiff_t>(o / block) * (in / block) + i / block) * kAll * square +
                  i % block * block + o % block;
#pragma GCC unroll 9
      for (int tap = 0; tap < kAll; ++tap)
        hn::Store(hn::Add(hn::Load(d, to + tap * square), made[tap]), d, to + tap * square);
    }
  }
}

// Some output channels: their sums over all tiles stay in scratch until they are transformed back.
template <class D, class T>
void Panel(D d, const Maps& inputs, const Maps& outputs, int channel, int channels, const T* x, const T* dy,
           float* dweight, float* dbias, float* scratch) {
  const int lanes = static_cast<int>(hn::Lanes(d)), in = inputs.channels, tiles = inputs.tiles();
  const int room = tiles_in_work(tiles, in);
  const std::ptrdiff_t patches = place_step(room * in),
                       gradients = place_step(room * kMostVectors * kMostLanes),
                       sums = place_step(static_cast<std::ptrdiff_t>(in) * channels);
  float* const dm = scratch + kPlaces * patches;
  float* const u = dm + kPlaces * gradients;
  const auto for_columns = [&](const auto& visit) {
    for (int c = 0, vectors; c < channels; c += vectors * lanes) {
      vectors = Together((channels - c) / lanes);
      visit(c, vectors, u + static_cast<std::ptrdiff_t>(c) * in);
    }
  };
  for (int first = 0; first < tiles; first += room) {
    const int count = std::min(room, tiles - first);
    ReadPatches(d, inputs, x, first, count, room, scratch, patches);
    for_columns([&](int c, int vectors, float* out) {
      ReadGradients(d, outputs, dy, first, count, channel + c, vectors, dm, gradients);
      if (dbias) AddBias(d, dm, gradients, count, vectors, dbias + channel + c);
      const ProductSteps steps = {.inner = count,
                                  .left_row = 1,
                                  .left_inner = lanes,
                                  .right_inner = vectors * lanes,
                                  .out_row = vectors * lanes};
      for (int p = 0; p < kPlaces; ++p) {
        for (int i = 0; i < in; i += lanes)
          Tiles(d, lanes, vectors, steps, {lanes, lanes}, scratch + p * patches + i * room,
                dm + p * gradients, out + p * sums + i * vectors * lanes,
                first == 0 ? Into::overwrite : Into::extend);
      }
    });
  }
  for_columns([&](int c, int vectors, const float* made) {
    AddWeights(d, in, inputs.block, made, sums, channel + c, vectors, dweight);
  });
}

template <class T>
void AnyPanel(const ConvolutionShape& s, int channel, int channels, const T* x, const T* dy, float* dweight,
              float* dbias, float* scratch) {
  if (s.block == 16)
    return Panel(hn::CappedTag<float, 16>(), inputs_of(s), outputs_of(s), channel, channels, x, dy, dweight,
                 dbias, scratch);
  Panel(hn::CappedTag<float, 8>(), inputs_of(s), outputs_of(s), channel, channels, x, dy, dweight, dbias,
        scratch);
}

void WinogradGradient(const ConvolutionShape& s, int channel, int channels, const float* x, const float* dy,
                      float* dweight, float* dbias, float* scratch) {
  AnyPanel(s, channel, channels, x, dy, dweight, dbias, scratch);
}
void WinogradGradientHalf(const ConvolutionShape& s, int channel, int channels, const BFloat16* x,
                          const BFloat16* dy, float* dweight, float* dbias, float* scratch) {
  AnyPanel(s, channel, channels, x, dy, dweight, dbias, scratch);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {
namespace {

// Output channels whose sums take at most some 38 MB; more are done one panel after the other.
int panel_of(const ConvolutionShape& s) {
  constexpr int kMostSums = 256 * 1024;
  return std::clamp(kMostSums / s.channels_in / s.block * s.block, s.block, s.channels_out);
}

template <class F>
void for_panels(const ConvolutionShape& s, int first_channel, int channels, const F& f) {
  const int panel = panel_of(s), end = first_channel + channels;
  for (int c = first_channel; c < end; c += panel) f(c, std::min(panel, end - c));
}

}  // namespace

std::size_t winograd_gradient_scratch(const ConvolutionShape& s) {
  const std::ptrdiff_t in = s.channels_in, room = tiles_in_work(inputs_of(s).tiles(), s.channels_in);
  return static_cast<std::size_t>(kPlaces) * sizeof(float) *
         static_cast<std::size_t>(place_step(room * in) + place_step(room * kMostVectors * kMostLanes) +
                                  place_step(in * panel_of(s)));
}

HWY_EXPORT(WinogradGradient);
HWY_EXPORT(WinogradGradientHalf);

void winograd_gradient(const ConvolutionShape& shape, int first_channel, int channels, const float* x,
                       const float* dy, float* dweight, float* dbias, std::byte* scratch) {
  for_panels(shape, first_channel, channels, [&](int c, int count) {
    HWY_DYNAMIC_DISPATCH(WinogradGradient)
    (shape, c, count, x, dy, dweight, dbias, reinterpret_cast<float*>(scratch));
  });
}
void winograd_gradient(const ConvolutionShape& shape, int first_channel, int channels, const BFloat16* x,
                       const BFloat16* dy, float* dweight, float* dbias, std::byte* scratch) {
  for_panels(shape, first_channel, channels, [&](int c, int count) {
    HWY_DYNAMIC_DISPATCH(WinogradGradientHalf)
    (shape, c, count, x, dy, dweight, dbias, reinterpret_cast<float*>(scratch));
  });
}

}  // namespace dagfusion::kernels
#endif
