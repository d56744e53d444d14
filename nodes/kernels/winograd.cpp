#include "nodes/kernels/winograd.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/winograd.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// A pass over the layer: forward, or backward to the gradient of x, which is the same convolution
// with the kernels turned by 180 degrees, and input and output channels the other way round.
struct Pass {
  Maps from, to;
  bool backward;
};

// A block of channels by a block, turned over in squares of 4x4.
HWY_INLINE void TurnOver(const float* from, int block, int rows, float* to) {
#if HWY_TARGET == HWY_SCALAR
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < block; ++c) to[c * rows + r] = from[r * block + c];
#else
  const hn::CappedTag<float, 4> d4;
  for (int r = 0; r < rows; r += 4) {
    for (int c = 0; c < block; c += 4) {
      const float* at = from + r * block + c;
      const auto r0 = hn::Load(d4, at), r1 = hn::Load(d4, at + block);
      const auto r2 = hn::Load(d4, at + 2 * block), r3 = hn::Load(d4, at + 3 * block);
      const auto low02 = hn::InterleaveLower(d4, r0, r2), low13 = hn::InterleaveLower(d4, r1, r3);
      const auto up02 = hn::InterleaveUpper(d4, r0, r2), up13 = hn::InterleaveUpper(d4, r1, r3);
      float* out = to + c * rows + r;
      hn::Store(hn::InterleaveLower(d4, low02, low13), d4, out);
      hn::Store(hn::InterleaveUpper(d4, low02, low13), d4, out + rows);
      hn::Store(hn::InterleaveLower(d4, up02, up13), d4, out + 2 * rows);
      hn::Store(hn::InterleaveUpper(d4, up02, up13), d4, out + 3 * rows);
    }
  }
#endif
}

// The weights of some output channels, transformed: to[place][input channel][vector][lane].
template <class D>
HWY_NOINLINE void ReadWeights(D d, const Pass& pass, const float* weight, int first, int inputs, int channel,
                              int vectors, float* to, std::ptrdiff_t step) {
  constexpr int kAll = kTaps * kTaps, kMostBlock = 16;
  const int lanes = static_cast<int>(hn::Lanes(d)), block = pass.from.block, square = block * block;
  HWY_ALIGN float turned[kAll * kMostBlock * kMostBlock];
  for (int i = first; i < first + inputs; i += block) {
    for (int j = 0; j < vectors; ++j) {
      const int o = channel + j * lanes;
      const float* from = weight;
      int rows = block;  // floats from one input channel to the next
      if (pass.backward) {
        from +=
            (static_cast<std::ptrdiff_t>(i / block) * (pass.to.channels / block) + o / block) * kAll * square;
        for (int tap = 0; tap < kAll; ++tap)
          TurnOver(from + (kAll - 1 - tap) * square + o % block * block, block, lanes,
                   turned + tap * block * lanes);
        from = turned;
        rows = lanes;
      } else {
        from += (static_cast<std::ptrdiff_t>(o / block) * (pass.from.channels / block) + i / block) * kAll *
                square;
        from += o % block;
      }
      for (int k = 0; k < block; ++k) {
        hn::Vec<D> read[kAll], made[kPlaces];
#pragma GCC unroll 9
        for (int tap = 0; tap < kAll; ++tap) read[tap] = hn::Load(d, from + tap * block * rows + k * rows);
        Transform<kTaps, kPatch>(d, read, made, WeightLine());
        float* out = to + (static_cast<std::ptrdiff_t>(i - first + k) * vectors + j) * lanes;
#pragma GCC unroll 36
        for (int p = 0; p < kPlaces; ++p) hn::Store(made[p], d, out + p * step);
      }
    }
  }
}

// The outputs of some tiles from m[place][tile][vector][lane].
template <class D, class T>
HWY_NOINLINE void WriteTiles(D d, const Maps& maps, const float* m, std::ptrdiff_t step, int first, int count,
                             int channel, int vectors, const float* bias, const T* add, T* y) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int t = 0; t < count; ++t) {
    const TilePlace tile(maps, first + t);
    for (int j = 0; j < vectors; ++j) {
      const int c = channel + j * lanes;
      const float* from = m + (static_cast<std::ptrdiff_t>(t) * vectors + j) * lanes;
      hn::Vec<D> read[kPlaces], made[kTile * kTile];
#pragma GCC unroll 36
      for (int p = 0; p < kPlaces; ++p) read[p] = hn::Load(d, from + p * step);
      Transform<kPatch, kTile>(d, read, made, OutputLine());
      const auto more = bias ? hn::Load(d, bias + c) : hn::Zero(d);
      std::ptrdiff_t at = tile.at(maps, c);
      for (int r = 0; r < tile.rows; ++r, at += maps.width * maps.block) {
        for (int q = 0; q < tile.columns; ++q) {
          auto sum = hn::Add(made[r * kTile + q], more);
          if (add) sum = hn::Add(sum, LoadFloats(d, add + at + q * maps.block));
          StoreFloats(sum, d, y + at + q * maps.block);
        }
      }
    }
  }
}

template <class D, class T>
void Run(D d, const Pass& pass, const WinogradPart& part, const T* x, const float* weight, const float* bias,
         const T* add, T* y, float* scratch) {
  const int lanes = static_cast<int>(hn::Lanes(d)), in = pass.from.channels;
  const int room = tiles_in_work(part.tiles, in);
  const std::ptrdiff_t patches = place_step(room * in),
                       weights = place_step(kMostVectors * lanes * std::min(in, kInputsInWork)),
                       sums = place_step(room * kMostVectors * lanes);
  float* const u = scratch + kPlaces * patches;
  float* const m = u + kPlaces * weights;
  for (int t = 0; t < part.tiles; t += room) {
    const int first = part.first_tile + t, count = std::min(room, part.tiles - t);
    ReadPatches(d, pass.from, x, first, count, room, scratch, patches);
    for (int c = 0, vectors; c < part.channels; c += vectors * lanes) {
      vectors = Together((part.channels - c) / lanes);
      for (int i = 0; i < in; i += kInputsInWork) {
        const int inputs = std::min(kInputsInWork, in - i);
        ReadWeights(d, pass, weight, i, inputs, part.first_channel + c, vectors, u, weights);
        const ProductSteps steps = {.outer = inputs / lanes,
                                    .inner = lanes,
                                    .left_row = lanes,
                                    .left_outer = room * lanes,
                                    .left_inner = 1,
                                    .right_outer = lanes * vectors * lanes,
                                    .right_inner = vectors * lanes,
                                    .out_row = vectors * lanes};
        for (int p = 0; p < kPlaces; ++p)
          Tiles(d, count, vectors, steps, {lanes, lanes}, scratch + p * patches + i * room, u + p * weights,
                m + p * sums, i == 0 ? Into::overwrite : Into::extend);
      }
      WriteTiles(d, pass.to, m, sums, first, count, part.first_channel + c, vectors, bias, add, y);
    }
  }
}

template <class T>
void RunPass(const ConvolutionShape& s, bool backward, const WinogradPart& part, const T* x,
             const float* weight, const float* bias, const T* add, T* y, float* scratch) {
  Pass pass = {.from = inputs_of(s), .to = outputs_of(s), .backward = backward};
  if (backward) std::swap(pass.from, pass.to);
  if (s.block == 16) return Run(hn::CappedTag<float, 16>(), pass, part, x, weight, bias, add, y, scratch);
  Run(hn::CappedTag<float, 8>(), pass, part, x, weight, bias, add, y, scratch);
}

void WinogradRun(const ConvolutionShape& s, bool backward, const WinogradPart& part, const float* x,
                 const float* weight, const float* bias, const float* add, float* y, float* scratch) {
  RunPass(s, backward, part, x, weight, bias, add, y, scratch);
}
void WinogradRunHalf(const ConvolutionShape& s, bool backward, const WinogradPart& part, const BFloat16* x,
                     const float* weight, const float* bias, const BFloat16* add, BFloat16* y,
                     float* scratch) {
  RunPass(s, backward, part, x, weight, bias, add, y, scratch);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

bool winograd_fits(const ConvolutionShape& s) {
  constexpr int kFewestChannels = 32, kFewestTiles = 4;
  return !s.plain && s.kernel == 3 && s.taps() == 9 && s.left() == s.before && s.stride == 1 &&
         s.before == 1 && s.height == s.out_height && s.width == s.out_width &&
         outputs_of(s).tiles() >= kFewestTiles && std::min(s.channels_in, s.channels_out) >= kFewestChannels;
}

// Tiles are shared where there are more of them than of channels:
// each part transforms all weights that it uses and all patches that it reads.
std::vector<WinogradPart> winograd_parts(const ConvolutionShape& s, WinogradPass pass, int ways) {
  const int tiles = outputs_of(s).tiles(),
            channels = pass == WinogradPass::forward ? s.channels_out : s.channels_in;
  const int blocks = channels / s.block;
  std::vector<WinogradPart> parts;
  const bool by_tiles = 2 * tiles >= channels;
  const int all = by_tiles ? tiles : blocks, count = std::clamp(ways, 1, all);
  for (int i = 0; i < count; ++i) {
    const int first = all * i / count, next = all * (i + 1) / count;
    if (by_tiles)
      parts.push_back({first, next - first, 0, channels});
    else
      parts.push_back({0, tiles, first * s.block, (next - first) * s.block});
  }
  return parts;
}

std::size_t winograd_scratch(const ConvolutionShape& s) {
  std::ptrdiff_t most = 0;
  for (const int in : {s.channels_in, s.channels_out}) {
    constexpr int kOut = kMostVectors * kMostLanes;
    const int room = tiles_in_work(outputs_of(s).tiles(), in);
    most = std::max(most, place_step(room * in) + place_step(kOut * std::min(in, kInputsInWork)) +
                              place_step(room * kOut));
  }
  return static_cast<std::size_t>(kPlaces * most) * sizeof(float);
}

HWY_EXPORT(WinogradRun);
HWY_EXPORT(WinogradRunHalf);

void winograd_forward(const ConvolutionShape& shape, const WinogradPart& part, const float* x,
                      const float* weight, const float* bias, const float* add, float* y,
                      std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(WinogradRun)
  (shape, false, part, x, weight, bias, add, y, reinterpret_cast<float*>(scratch));
}
void winograd_forward(const ConvolutionShape& shape, const WinogradPart& part, const BFloat16* x,
                      const float* weight, const float* bias, const BFloat16* add, BFloat16* y,
                      std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(WinogradRunHalf)
  (shape, false, part, x, weight, bias, add, y, reinterpret_cast<float*>(scratch));
}

void winograd_backward_data(const ConvolutionShape& shape, const WinogradPart& part, const float* dy,
                            const float* weight, float* dx, std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(WinogradRun)
  (shape, true, part, dy, weight, nullptr, nullptr, dx, reinterpret_cast<float*>(scratch));
}
void winograd_backward_data(const ConvolutionShape& shape, const WinogradPart& part, const BFloat16* dy,
                            const float* weight, BFloat16* dx, std::byte* scratch) {
  HWY_DYNAMIC_DISPATCH(WinogradRunHalf)
  (shape, true, part, dy, weight, nullptr, nullptr, dx, reinterpret_cast<float*>(scratch));
}

}  // namespace dagfusion::kernels
#endif
