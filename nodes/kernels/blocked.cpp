#include "nodes/kernels/blocked.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/blocked.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// Squares of side 4 (1 without vectors): as many channels times as many pixels.
using Side = hn::CappedTag<float, 4>;
constexpr std::size_t kSide = HWY_TARGET == HWY_SCALAR ? 1 : 4;

HWY_INLINE void Transpose(hn::Vec<Side>* v) {
#if HWY_TARGET != HWY_SCALAR
  const Side d;
  const hn::RepartitionToWide<Side> dw;
  const auto low = [&](auto a, auto b) HWY_ATTR { return hn::BitCast(dw, hn::InterleaveLower(d, a, b)); };
  const auto high = [&](auto a, auto b) HWY_ATTR { return hn::BitCast(dw, hn::InterleaveUpper(d, a, b)); };
  const auto a = low(v[0], v[1]), b = low(v[2], v[3]), c = high(v[0], v[1]), e = high(v[2], v[3]);
  v[0] = hn::BitCast(d, hn::InterleaveLower(dw, a, b));
  v[1] = hn::BitCast(d, hn::InterleaveUpper(dw, a, b));
  v[2] = hn::BitCast(d, hn::InterleaveLower(dw, c, e));
  v[3] = hn::BitCast(d, hn::InterleaveUpper(dw, c, e));
#else
  (void)v;
#endif
}

void PlainToBlocked(const float* plain, float* blocked, int channels, std::size_t pixels, int block) {
  const Side d;
  const std::size_t b = block, count = channels, stored = (count + b - 1) / b * b;
  for (std::size_t c = 0; c < stored; c += kSide) {
    float* to = blocked + c / b * b * pixels + c % b;
    std::size_t p = 0;
    for (; p + kSide <= pixels; p += kSide) {
      hn::Vec<Side> v[kSide];
      for (std::size_t k = 0; k < kSide; ++k) {
        v[k] = c + k < count ? hn::LoadU(d, plain + (c + k) * pixels + p) : hn::Zero(d);
      }
      Transpose(v);
      for (std::size_t k = 0; k < kSide; ++k) hn::StoreU(v[k], d, to + (p + k) * b);
    }
    for (; p < pixels; ++p) {
      for (std::size_t k = 0; k < kSide; ++k)
        to[p * b + k] = c + k < count ? plain[(c + k) * pixels + p] : 0.0f;
    }
  }
}

void BlockedToPlain(const float* blocked, float* plain, int channels, std::size_t pixels, int block) {
  const Side d;
  const std::size_t b = block, count = channels;
  for (std::size_t c = 0; c < count; c += kSide) {
    const float* from = blocked + c / b * b * pixels + c % b;
    const std::size_t used = std::min(kSide, count - c);
    std::size_t p = 0;
    for (; p + kSide <= pixels; p += kSide) {
      hn::Vec<Side> v[kSide];
      for (std::size_t k = 0; k < kSide; ++k) v[k] = hn::LoadU(d, from + (p + k) * b);
      Transpose(v);
      for (std::size_t k = 0; k < used; ++k) hn::StoreU(v[k], d, plain + (c + k) * pixels + p);
    }
    for (; p < pixels; ++p) {
      for (std::size_t k = 0; k < used; ++k) plain[(c + k) * pixels + p] = from[p * b + k];
    }
  }
}

// The rows of all blocks follow one another, and each of them becomes two.
void Upsample2(const float* x, float* y, std::size_t rows, std::size_t width, std::size_t block) {
  const hn::CappedTag<float, 8> d;
  const std::size_t row = 2 * width * block;
  for (std::size_t i = 0; i < rows; ++i, x += width * block, y += 2 * row) {
    for (std::size_t j = 0; j < width; ++j) {
      for (std::size_t c = 0; c < block; c += hn::Lanes(d)) {
        const auto v = hn::LoadU(d, x + j * block + c);
        hn::StoreU(v, d, y + 2 * j * block + c);
        hn::StoreU(v, d, y + (2 * j + 1) * block + c);
      }
    }
    std::memcpy(y + row, y, row * sizeof(float));
  }
}

void Upsample2Backward(const float* dy, float* dx, std::size_t rows, std::size_t width, std::size_t block) {
  const hn::CappedTag<float, 8> d;
  const std::size_t row = 2 * width * block;
  for (std::size_t i = 0; i < rows; ++i, dy += 2 * row, dx += width * block) {
    for (std::size_t j = 0; j < width; ++j) {
      for (std::size_t c = 0; c < block; c += hn::Lanes(d)) {
        const float* from = dy + 2 * j * block + c;
        const auto upper = hn::Add(hn::LoadU(d, from), hn::LoadU(d, from + block));
        const auto lower = hn::Add(hn::LoadU(d, from + row), hn::LoadU(d, from + row + block));
        hn::StoreU(hn::Add(upper, lower), d, dx + j * block + c);
      }
    }
  }
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(PlainToBlocked);
HWY_EXPORT(BlockedToPlain);
HWY_EXPORT(Upsample2);
HWY_EXPORT(Upsample2Backward);

void plain_to_blocked(const float* plain, float* blocked, int channels, std::size_t pixels, int block) {
  HWY_DYNAMIC_DISPATCH(PlainToBlocked)(plain, blocked, channels, pixels, block);
}

void blocked_to_plain(const float* blocked, float* plain, int channels, std::size_t pixels, int block) {
  HWY_DYNAMIC_DISPATCH(BlockedToPlain)(blocked, plain, channels, pixels, block);
}

void upsample2(const float* x, float* y, int blocks, int height, int width, int block) {
  HWY_DYNAMIC_DISPATCH(Upsample2)(x, y, std::size_t(blocks) * height, width, block);
}

void upsample2_backward(const float* dy, float* dx, int blocks, int height, int width, int block) {
  HWY_DYNAMIC_DISPATCH(Upsample2Backward)(dy, dx, std::size_t(blocks) * height, width, block);
}

}  // namespace dagfusion::kernels
#endif
