#include "graph/values/uniform.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graph/values/uniform.cpp"
#include "hwy/foreach_target.h"
// Behind that one:
#include "graph/values/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::HWY_NAMESPACE {

inline void DrawBlock(const RandomStream& stream, std::uint32_t block, double scale, float* out,
                      std::size_t count) {
  const Philox4 words = stream.block(block);
  for (std::size_t w = 0; w < count; ++w)
    out[w] = static_cast<float>(scale * (2.0 * uniform01(words[w]) - 1));
}

void DrawUniform(const RandomStream& stream, double scale, float* out, std::size_t count) {
  std::size_t i = 0;
#if HWY_TARGET != HWY_SCALAR
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<std::uint64_t> words;
  const hn::RebindToSigned<decltype(words)> integers;
  const hn::RebindToFloat<decltype(words)> doubles;
  const hn::Rebind<float, decltype(words)> floats;
  const std::size_t together = 4 * hn::Lanes(words);
  const auto number = [&](auto word) HWY_ATTR {
    const auto bits = hn::And(hn::ShiftRight<8>(word), hn::Set(words, 0xFFFFFFu));
    const auto uniform = hn::ConvertTo(doubles, hn::BitCast(integers, bits));
    const auto both_ways = hn::MulAdd(uniform, hn::Set(doubles, 0x1p-23), hn::Set(doubles, -1.0));
    return hn::DemoteTo(floats, hn::Mul(hn::Set(doubles, scale), both_ways));
  };
  for (; i + together <= count; i += together) {
    auto c0 = hn::Zero(words), c1 = c0, c2 = c0, c3 = c0;
    kernels::HWY_NAMESPACE::Philox(words, stream, hn::Iota(words, static_cast<std::uint32_t>(i / 4)), c0, c1,
                                   c2, c3);
    hn::StoreInterleaved4(number(c0), number(c1), number(c2), number(c3), floats, out + i);
  }
#endif
  for (; i < count; i += 4)
    DrawBlock(stream, static_cast<std::uint32_t>(i / 4), scale, out + i, std::min<std::size_t>(4, count - i));
}

}  // namespace dagfusion::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion {

HWY_EXPORT(DrawUniform);

void draw_uniform(const RandomStream& stream, double scale, float* out, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(DrawUniform)(stream, scale, out, count);
}

}  // namespace dagfusion
#endif
