#include "nodes/kernels/dropout.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/dropout.cpp"
#include "hwy/foreach_target.h"
// Behind that one:
#include "graph/values/bfloat16-inl.h"
#include "graph/values/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

constexpr std::size_t kPixels = 8;  // of a channel that one draw of Philox serves: four words of two halves

// Element by element.
template <class T>
void Scalar(const DropoutShape& s, const RandomStream& stream, const T* x, T* y) {
  const std::size_t block = s.block, groups = (s.pixels + kPixels - 1) / kPixels;
  for (std::size_t c = 0; c < s.channels; ++c) {
    const std::size_t channel = c / block * s.pixels * block + c % block;
    for (std::size_t p = 0; p < s.pixels; ++p) {
      const Philox4 words = stream.block(static_cast<std::uint32_t>(c * groups + p / kPixels));
      const std::uint32_t random = words[p % kPixels / 2] >> (16 * (p % 2)) & 0xFFFF;
      const std::size_t at = channel + p * block;
      set(y[at], random < s.threshold ? 0.0f : s.scale * to_float(x[at]));
    }
  }
  for (std::size_t c = s.channels; c % block != 0; ++c)
    for (std::size_t p = 0; p < s.pixels; ++p) y[(c / block * s.pixels + p) * block + c % block] = T{};
}

#if HWY_TARGET != HWY_SCALAR

// As many neighbouring channels at once as a vector holds: the lanes of one vector, from `channel` on.
template <class D, class T>
HWY_INLINE void NeighbouringChannels(D d, const DropoutShape& s, const RandomStream& stream,
                                     std::size_t channel, const T* x, T* y) {
  const hn::Repartition<std::uint64_t, D> words;
  const hn::RebindToUnsigned<D> du;
  const std::size_t groups = (s.pixels + kPixels - 1) / kPixels;
  const auto threshold = hn::Set(du, s.threshold), low = hn::Set(du, 0xFFFF);
  const auto scale = hn::Set(d, s.scale);
  const auto lanes = hn::And(hn::Iota(words, 0), hn::Set(words, 0xFFFFFFFFu));
  const auto step = hn::BitCast(du, hn::Set(words, static_cast<std::uint32_t>(2 * groups)));
  const auto offset = hn::MulEven(hn::BitCast(du, lanes), step);  // of the even channels: 0, 2, 4 ...
  for (std::size_t group = 0; group < groups; ++group) {
    hn::Vec<decltype(words)> even[4], odd[4];
    const auto first = static_cast<std::uint32_t>(channel * groups + group);
    Philox(words, stream, hn::Add(offset, hn::Set(words, first)), even[0], even[1], even[2], even[3]);
    Philox(words, stream, hn::Add(offset, hn::Set(words, first + static_cast<std::uint32_t>(groups))), odd[0],
           odd[1], odd[2], odd[3]);
    const std::size_t from = group * kPixels, count = std::min(kPixels, s.pixels - from);
    for (std::size_t i = 0; i < count; ++i) {
      const auto word =
          hn::OddEven(hn::BitCast(du, hn::ShiftLeft<32>(odd[i / 2])), hn::BitCast(du, even[i / 2]));
      const auto random = i % 2 ? hn::ShiftRight<16>(word) : hn::And(word, low);
      const std::size_t at = (from + i) * s.block;
      const auto scaled = hn::Mul(scale, LoadFloats(d, x + at));
      const auto dropped = hn::RebindMask(d, hn::Lt(random, threshold));
      StoreFloats(hn::IfThenZeroElse(dropped, scaled), d, y + at);
    }
  }
}

template <int block, class T>
void Vectors(const DropoutShape& s, const RandomStream& stream, const T* x, T* y) {
  const hn::CappedTag<float, block> d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t c = 0; c < s.channels; c += block, x += s.pixels * block, y += s.pixels * block)
    for (std::size_t lane = 0; lane < block; lane += lanes)
      NeighbouringChannels(d, s, stream, c + lane, x + lane, y + lane);
}

#endif

template <class T>
HWY_INLINE void Either(const DropoutShape& s, const RandomStream& stream, const T* x, T* y) {
#if HWY_TARGET != HWY_SCALAR
  if (s.block == 16) return Vectors<16>(s, stream, x, y);
  if (s.block == 8) return Vectors<8>(s, stream, x, y);
#endif
  Scalar(s, stream, x, y);
}

void DropoutFloat(const DropoutShape& s, const RandomStream& stream, const float* x, float* y) {
  Either(s, stream, x, y);
}
void DropoutHalf(const DropoutShape& s, const RandomStream& stream, const BFloat16* x, BFloat16* y) {
  Either(s, stream, x, y);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(DropoutFloat);
HWY_EXPORT(DropoutHalf);

void dropout(const DropoutShape& shape, const RandomStream& stream, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(DropoutFloat)(shape, stream, x, y);
}
void dropout(const DropoutShape& shape, const RandomStream& stream, const BFloat16* x, BFloat16* y) {
  HWY_DYNAMIC_DISPATCH(DropoutHalf)(shape, stream, x, y);
}

}  // namespace dagfusion::kernels
#endif
