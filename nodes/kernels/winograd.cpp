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

// The weights of some output channels, transformed.
template <class D>
HWY_NOINLINE void ReadWeights(D d, const Pass& pass, const float* weight, int first, int inputs, int channel,
                              int vectors, float* to) {
  constexpr int kAll = kTaps * kTaps, kMostBlock = 16;
  const int lanes = static_cast<int>(hn::Lanes(d)), block = pass.from.block, square = block * block;
  const ScratchSteps steps = transformed_weights(vectors, lanes);
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
        const int input = i - first + k;
        float* out = to + input / lanes * steps.vector + (input % lanes * vectors + j) * lanes;
        const float* taps = from + k * rows;
        Transform<kTaps, kPatch>(
            d, WeightLine(),
            [&](int r, int q) HWY_ATTR { return hn::Load(d, taps + (r * kTaps + q) * block * rows); },
            [&](int r, int q, hn::Vec<D> made)
                HWY_ATTR { hn::Store(made, d, out + (r * kPatch + q) * steps.place); });
      }
    }
  }
}

// The outputs of some tiles from their sums.
template <class D, class T>
HWY_NOINLINE void WriteTiles(D d, const Maps& maps, const float* m, int first, int count, int channel,
                             int vectors, const float* bias, const T* add, T* y) {
  const int lanes = static_cast<int>(hn::Lanes(d));
  const ScratchSteps steps = sums_of_tiles(vectors, lanes);
  for (int begin = 0; begin < count; begin += kFour, m += steps.four) {
    for (int t = begin; t < std::min(begin + kFour, count); ++t) {
      const TilePlace tile(maps, first + t), ahead(maps, first + std::min(t + kFour, count - 1));
      for (int j = 0; j < vectors; ++j) {
        const int c = channel + j * lanes;
        FetchTile(y + ahead.at(maps, c), maps.width * maps.block,
                  kTile * lanes * static_cast<int>(sizeof(T)));
        if (add)
          FetchTile(add + ahead.at(maps, c), maps.width * maps.block,
                    kTile * lanes * static_cast<int>(sizeof(T)));
        const float* from = m + ((t - begin) * vectors + j) * lanes;
        const auto more = bias ? hn::Load(d, bias + c) : hn::Zero(d);
        const std::ptrdiff_t corner = tile.at(maps, c), row = maps.width * maps.block;
        Transform<kPatch, kTile>(
            d, OutputLine(),
            [&](int r, int q) HWY_ATTR { return hn::Load(d, from + (r * kPatch + q) * steps.place); },
            [&](int r, int q, hn::Vec<D> made) HWY_ATTR {
              if (r >= tile.rows || q >= tile.columns) return;
              const std::ptrdiff_t at = corner + r * row + q * maps.block;
              auto sum = hn::Add(made, more);
              if (add) sum = hn::Add(sum, LoadFloats(d, add + at));
              StoreFloats(sum, d, y + at);
            });
      }
    }
  }
}

// Of some tiles and some input channels.
struct Factors {
  const float* patches;
  ScratchSteps patch_steps;
  const float* weights;
  int inputs, tiles;
  Into into;
};

// The products at all places, to m for J vectors of output channels.
template <int J, class D>
void Multiply(D d, const Factors& f, float* m) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d));
  const ScratchSteps weights = transformed_weights(J, kLanes), sums = sums_of_tiles(J, kLanes);
  const ByChannels<kLanes, J* kLanes> steps = {.outer = f.inputs / kLanes,
                                               .left_outer = f.patch_steps.vector,
                                               .right_outer = weights.vector,
                                               .left_four = f.patch_steps.four,
                                               .out_four = sums.four,
                                               .ahead = f.patch_steps.four};
  for (int p = 0; p < kPlaces; ++p)
    Rows<J>(d, f.tiles, steps, PackedVectors<kLanes>(), f.patches + p * f.patch_steps.place,
            f.weights + p * weights.place, m + p * sums.place, f.into);
}

template <class D, class T>
void Run(D d, const Pass& pass, const WinogradPart& part, const T* x, const float* weight, const float* bias,
         const T* add, T* y, float* scratch) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d)), lanes = kLanes;
  const int in = pass.from.channels;
  const int room = tiles_in_work(part.tiles, in);
  const ScratchSteps patches = patches_by_tiles(in, lanes);
  float* const u = scratch + most_patches_by_tiles(room, in);
  float* const m = u + most_transformed_weights(in);
  for (int t = 0; t < part.tiles; t += room) {
    const int first = part.first_tile + t, count = std::min(room, part.tiles - t);
    ReadPatches(d, pass.from, x, first, count, patches, scratch);
    for (int c = 0, vectors; c < part.channels; c += vectors * lanes) {
      vectors = Together((part.channels - c) / lanes);
      for (int i = 0; i < in; i += kInputsInWork) {
        const int inputs = std::min(kInputsInWork, in - i);
        ReadWeights(d, pass, weight, i, inputs, part.first_channel + c, vectors, u);
        const Factors factors = {.patches = scratch + i / lanes * patches.vector,
                                 .patch_steps = patches,
                                 .weights = u,
                                 .inputs = inputs,
                                 .tiles = count,
                                 .into = i == 0 ? Into::overwrite : Into::extend};
        WithVectors(vectors, [&](auto j) HWY_ATTR { Multiply<j>(d, factors, m); });
      }
      WriteTiles(d, pass.to, m, first, count, part.first_channel + c, vectors, bias, add, y);
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
    const int room = tiles_in_work(outputs_of(s).tiles(), in);
    most = std::max(
        most, most_patches_by_tiles(room, in) + most_transformed_weights(in) + most_sums_of_tiles(room));
  }
  return static_cast<std::size_t>(most) * sizeof(float);
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
