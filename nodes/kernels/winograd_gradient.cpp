#include "nodes/kernels/winograd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/winograd_gradient.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// The gradients of some tiles, transformed.
template <class D, class T>
HWY_NOINLINE void ReadGradients(D d, const Maps& maps, const T* dy, int first, int count, int channel,
                                int vectors, const ScratchSteps& steps, float* to) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int t = 0; t < count; ++t) {
    const TilePlace tile(maps, first + t), ahead(maps, first + std::min(t + kFour, count - 1));
    for (int j = 0; j < vectors; ++j) {
      FetchTile(dy + ahead.at(maps, channel + j * lanes), maps.width * maps.block,
                kTile * lanes * static_cast<int>(sizeof(T)));
      const T* from = dy + tile.at(maps, channel + j * lanes);
      float* out = to + (t * vectors + j) * lanes;
      Transform<kTile, kPatch>(
          d, OutputGradientLine(),
          [&](int r, int q) HWY_ATTR {
            const bool there = r < tile.rows && q < tile.columns;
            return there ? LoadFloats(d, from + (r * maps.width + q) * maps.block) : hn::Zero(d);
          },
          [&](int r, int q, hn::Vec<D> made)
              HWY_ATTR { hn::Store(made, d, out + (r * kPatch + q) * steps.place); });
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

// dweight += G^T u G for a vector of input channels and some output channels, u[place][input channel][vector][lane].
template <class D>
HWY_NOINLINE void AddWeights(D d, int in, int block, int first_input, const float* u, std::ptrdiff_t step,
                             int channel, int vectors, float* dweight) {
  constexpr int kAll = kTaps * kTaps;
  const int lanes = static_cast<int>(hn::Lanes(d)), square = block * block;
  for (int j = 0; j < vectors; ++j) {
    const int o = channel + j * lanes;
    for (int k = 0; k < lanes; ++k) {
      const int i = first_input + k;
      const float* from = u + (k * vectors + j) * lanes;
      float* to = dweight +
                  (static_cast<std::ptrdiff_t>(o / block) * (in / block) + i / block) * kAll * square +
                  i % block * block + o % block;
      Transform<kPatch, kTaps>(
          d, WeightGradientLine(),
          [&](int r, int q) HWY_ATTR { return hn::Load(d, from + (r * kPatch + q) * step); },
          [&](int r, int q, hn::Vec<D> made) HWY_ATTR {
            float* tap = to + (r * kTaps + q) * square;
            hn::Store(hn::Add(hn::Load(d, tap), made), d, tap);
          });
    }
  }
}

// For a vector of input channels.
struct Factors {
  const float* patches;
  std::ptrdiff_t patch_place;
  const float* gradients;
  std::ptrdiff_t gradient_place;
  int tiles;
  Into into;
};

// The products at all places, to u for J vectors of output channels.
template <int J, class D>
void Multiply(D d, const Factors& f, float* u) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d));
  const ByRows<kLanes, J* kLanes> steps = {f.tiles};
  const std::ptrdiff_t place = sums_of_weights(J, kLanes).place;
  for (int p = 0; p < kPlaces; ++p)
    Rows<J>(d, kLanes, steps, PackedVectors<kLanes>(), f.patches + p * f.patch_place,
            f.gradients + p * f.gradient_place, u + p * place, f.into);
}

// Some output channels. Where there are more tiles than are in work at a time, their sums stay in scratch until the last.
template <class D, class T>
void Panel(D d, const Maps& inputs, const Maps& outputs, int channel, int channels, const T* x, const T* dy,
           float* dweight, float* dbias, float* scratch) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d)), lanes = kLanes;
  const int in = inputs.channels, tiles = inputs.tiles();
  const int room = tiles_in_gradient(tiles);
  const ScratchSteps patches = patches_by_channels(in, lanes, room);
  float* const dm = scratch + kPlaces * patches.place;
  float* const u = dm + kPlaces * gradients_by_tiles(kMostVectors, kMostLanes, room).place;
  for (int first = 0; first < tiles; first += room) {
    const int count = std::min(room, tiles - first);
    const bool begin = first == 0, end = first + count == tiles;
    ReadPatches(d, inputs, x, first, count, patches, scratch);
    float* sums = u;
    for (int c = 0, vectors; c < channels; c += vectors * lanes) {
      vectors = Together((channels - c) / lanes);
      const ScratchSteps gradients = gradients_by_tiles(vectors, lanes, room),
                         block = sums_of_weights(vectors, lanes);
      ReadGradients(d, outputs, dy, first, count, channel + c, vectors, gradients, dm);
      if (dbias) AddBias(d, dm, gradients.place, count, vectors, dbias + channel + c);
      for (int i = 0; i < in; i += lanes) {
        const Factors factors = {
            scratch + i / lanes * patches.vector,  patches.place, dm, gradients.place, count,
            begin ? Into::overwrite : Into::extend};
        WithVectors(vectors, [&](auto j) HWY_ATTR { Multiply<j>(d, factors, sums); });
        if (end) AddWeights(d, in, inputs.block, i, sums, block.place, channel + c, vectors, dweight);
        if (!begin || !end) sums += block.vector;
      }
    }
  }
}

// Floats for a panel of that many channels.
template <class D>
std::ptrdiff_t ScratchOfPanel(D d, const Maps& inputs, int channels) {
  const int lanes = static_cast<int>(hn::Lanes(d)), room = tiles_in_gradient(inputs.tiles());
  std::ptrdiff_t sums = 0;
  for (int c = 0, vectors; c < channels; c += vectors * lanes) {
    vectors = Together((channels - c) / lanes);
    const std::ptrdiff_t one = sums_of_weights(vectors, lanes).vector;
    sums = room < inputs.tiles() ? sums + one * (inputs.channels / lanes) : std::max(sums, one);
  }
  return kPlaces * (patches_by_channels(inputs.channels, lanes, room).place +
                    gradients_by_tiles(kMostVectors, kMostLanes, room).place) +
         sums;
}

std::ptrdiff_t GradientScratch(const ConvolutionShape& s, int channels) {
  if (s.block == 16) return ScratchOfPanel(hn::CappedTag<float, 16>(), inputs_of(s), channels);
  return ScratchOfPanel(hn::CappedTag<float, 8>(), inputs_of(s), channels);
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

HWY_EXPORT(GradientScratch);

std::size_t winograd_gradient_scratch(const ConvolutionShape& s) {
  return static_cast<std::size_t>(HWY_DYNAMIC_DISPATCH(GradientScratch)(s, panel_of(s))) * sizeof(float);
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
