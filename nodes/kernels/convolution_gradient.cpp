#include "nodes/kernels/convolution_gradient.h"

#include "nodes/kernels/convolution_taps.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/convolution_gradient.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

template <class D>
void Bias(D d, const ConvolutionShape& s, const float* dy, float* dbias) {
  const std::size_t lanes = hn::Lanes(d);
  const int pixels = s.out_height * s.out_width;
  for (int at = 0; at < s.channels_out; at += static_cast<int>(lanes)) {
    const float* from = dy + static_cast<std::ptrdiff_t>(at / s.block) * pixels * s.block + at % s.block;
    hn::Vec<D> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    int pixel = 0;
    for (; pixel + 4 <= pixels; pixel += 4, from += 4 * s.block) {
#pragma GCC unroll 4
      for (int k = 0; k < 4; ++k) sum[k] = hn::Add(sum[k], hn::LoadU(d, from + k * s.block));
    }
    for (; pixel < pixels; ++pixel, from += s.block) sum[0] = hn::Add(sum[0], hn::LoadU(d, from));
    const auto all = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
    hn::StoreU(hn::Add(hn::LoadU(d, dbias + at), all), d, dbias + at);
  }
}

// Some rows of one image: few enough that the rows of one block of x and of three blocks of dy stay in the
// nearest cache while every pair of channels and every place of the kernel passes over them.
template <class D>
void SomeRows(D d, const ConvolutionShape& s, OutputRange rows, const float* x, const float* dy,
              float* dweight) {
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  const std::ptrdiff_t block = s.block, in_block = s.plain ? s.channels_in : block;
  const std::ptrdiff_t groups_in = s.channels_in / in_block, groups_out = s.channels_out / block;
  const std::ptrdiff_t pixels = s.height * s.width, out_pixels = s.out_height * s.out_width;
  const std::ptrdiff_t pixel_step = s.plain ? 1 : block;
  const std::ptrdiff_t out_block = groups_in * s.taps() * in_block * block;
  for (std::ptrdiff_t lane = 0; lane < block; lane += lanes) {
    for (std::ptrdiff_t o = 0, together; o < groups_out; o += together) {
      together = Together(groups_out - o);
      for (std::ptrdiff_t i = 0; i < groups_in; ++i) {
        for (int r = 0; r < s.kernel; ++r) {
          for (int c = 0; c < s.columns(); ++c) {
            const OutputRange p = outputs_inside(rows, r - s.before, s.stride, s.height);
            const OutputRange q = outputs_inside({0, s.out_width}, c - s.left(), s.stride, s.width);
            const std::ptrdiff_t first =
                (p.first * s.stride + r - s.before) * s.width + q.first * s.stride + c - s.left();
            ProductSteps steps = {.outer = p.count(),
                                  .inner = q.count(),
                                  .left_row = s.plain ? pixels : 1,
                                  .left_outer = s.stride * s.width * pixel_step,
                                  .left_inner = s.stride * pixel_step,
                                  .right_outer = s.out_width * block,
                                  .right_inner = block,
                                  .out_row = block};
            if (steps.outer == 0 || steps.inner == 0) continue;
            if (s.stride == 1 && s.width == s.out_width && steps.inner == s.width) {
              steps.inner *= steps.outer;
              steps.outer = 1;
            }
            Tiles(d, in_block, static_cast<int>(together), steps, {out_pixels * block, out_block},
                  x + i * in_block * pixels + first * pixel_step,
                  dy + o * out_pixels * block + (p.first * s.out_width + q.first) * block + lane,
                  dweight + o * out_block + ((i * s.kernel + r) * s.columns() + c) * in_block * block + lane,
                  Into::add);
          }
        }
      }
    }
  }
}

template <class D>
void Gradient(D d, const ConvolutionShape& s, const float* x, const float* dy, float* dweight, float* dbias) {
  constexpr int kPixels = 256;  // 3 * 8 KiB of dy and some 10 KiB of x, with vectors of 8
  const int some = std::max(1, kPixels / s.out_width);
  for (int n = 0; n < s.images; ++n) {
    for (int p = 0; p < s.out_height; p += some) {
      SomeRows(d, s, {p, std::min(p + some, s.out_height)}, x, dy, dweight);
    }
    if (dbias) Bias(d, s, dy, dbias);
    x += static_cast<std::ptrdiff_t>(s.channels_in) * s.height * s.width;
    dy += static_cast<std::ptrdiff_t>(s.channels_out) * s.out_height * s.out_width;
  }
}

void ConvolutionGradient(const ConvolutionShape& s, const float* x, const float* dy, float* dweight,
                         float* dbias) {
  if (s.block == 16) return Gradient(hn::CappedTag<float, 16>(), s, x, dy, dweight, dbias);
  Gradient(hn::CappedTag<float, 8>(), s, x, dy, dweight, dbias);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(ConvolutionGradient);

void convolution_gradient(const ConvolutionShape& shape, const float* x, const float* dy, float* dweight,
                          float* dbias) {
  HWY_DYNAMIC_DISPATCH(ConvolutionGradient)(shape, x, dy, dweight, dbias);
}

}  // namespace dagfusion::kernels
#endif
