#include "nodes/kernels/convolution.h"

#include <algorithm>

#include "nodes/kernels/convolution_taps.h"
#include "nodes/kernels/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/convolution.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the sums start from: a run of pixels of some blocks of channels. bias and add may be null.
template <class D>
void StartIn(D d, std::ptrdiff_t pixels, std::ptrdiff_t blocks, int block, std::ptrdiff_t step,
             const float* bias, const float* add, float* y) {
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  for (std::ptrdiff_t o = 0; o < blocks; ++o)
    for (std::ptrdiff_t c = 0; c < block; c += lanes) {
      const auto start = bias ? hn::LoadU(d, bias + o * block + c) : hn::Zero(d);
      for (std::ptrdiff_t at = o * step + c, end = at + pixels * block; at < end; at += block)
        hn::StoreU(add ? hn::Add(start, hn::LoadU(d, add + at)) : start, d, y + at);
    }
}

void Start(std::ptrdiff_t pixels, std::ptrdiff_t blocks, int block, std::ptrdiff_t step, const float* bias,
           const float* add, float* y) {
  if (block == 16) return StartIn(hn::CappedTag<float, 16>(), pixels, blocks, block, step, bias, add, y);
  StartIn(hn::CappedTag<float, 8>(), pixels, blocks, block, step, bias, add, y);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Start);

namespace {

using Size = std::ptrdiff_t;

// The outputs of a row that column `tap` of the kernel reads x for.
OutputRange columns(const ConvolutionShape& s, int tap) {
  return outputs_inside({0, s.out_width}, tap - s.left(), s.stride, s.width);
}

// Both passes multiply pixels of one array, a tap further on, by the weights of that tap.
struct Pass {
  ProductSteps steps;
  Size blocks;  // of channels that are written
  Size tap;     // floats from the weights of a tap to the next tap's
};

Pass forward_pass(const ConvolutionShape& s) {
  const Size square = Size{s.block} * s.block, taps = s.taps(), b = s.block;
  const Size pixels = Size{s.height} * s.width, out_pixels = Size{s.out_height} * s.out_width;
  ProductSteps steps = {.right_inner = b, .out_row = b, .out_block = out_pixels * b};
  if (s.plain) {
    steps.inner = s.channels_in;
    steps.left_row = s.stride;
    steps.left_inner = pixels;
    steps.right_block = taps * s.channels_in * b;
    return {steps, s.channels_out / b, s.channels_in * b};
  }
  steps.outer = s.channels_in / b;
  steps.inner = b;
  steps.left_row = s.stride * b;
  steps.left_outer = pixels * b;
  steps.left_inner = 1;
  steps.right_outer = taps * square;
  steps.right_block = steps.outer * taps * square;
  return {steps, s.channels_out / b, square};
}

Pass backward_pass(const ConvolutionShape& s) {
  const Size b = s.block, square = b * b, taps = s.taps();
  const Size in = (s.channels_in + b - 1) / b;
  return {{.outer = s.channels_out / b,
           .inner = b,
           .left_row = b,
           .left_outer = Size{s.out_height} * s.out_width * b,
           .left_inner = 1,
           .right_outer = in * taps * square,
           .right_inner = b,
           .out_row = s.stride * b,
           .right_block = taps * square,
           .out_block = Size{s.height} * s.width * b},
          in,
          square};
}

// So many pixels in a row that the weights in work pay for being read, and what is started is still near.
constexpr Size kTogether = 128;

// A 1x1 kernel at stride 1 takes pixels as they come, over the ends of rows.
template <class F>
void for_runs(Size first, Size end, const F& run) {
  for (; first < end; first += kTogether) run(first, std::min(kTogether, end - first));
}

}  // namespace

void convolution_forward(const ConvolutionShape& s, const Band& band, const float* x, const float* weight,
                         const float* bias, const float* add, float* y) {
  const Pass pass = forward_pass(s);
  const Size out_pixels = Size{s.out_height} * s.out_width, b = s.block, unit = s.plain ? 1 : b;
  x += band.image * Size{s.height} * s.width * s.channels_in;
  y += band.image * out_pixels * s.channels_out;
  if (add) add += band.image * out_pixels * s.channels_out;
  const auto start = [&](Size pixel, Size count) {
    HWY_DYNAMIC_DISPATCH(Start)
    (count, pass.blocks, s.block, out_pixels * b, bias, add ? add + pixel * b : nullptr, y + pixel * b);
  };
  if (s.taps() == 1 && s.stride == 1)
    return for_runs(Size{band.first} * s.width, Size{band.end} * s.width, [&](Size pixel, Size count) {
      start(pixel, count);
      product(pass.steps, count, pass.blocks, b, x + pixel * unit, weight, y + pixel * b, Into::extend);
    });
  for (int p = band.first; p < band.end; ++p) {
    start(Size{p} * s.out_width, s.out_width);
    for (int r = 0; r < s.kernel; ++r) {
      const int h = p * s.stride + r - s.before;
      if (h < 0 || h >= s.height) continue;
      for (int t = 0; t < s.columns(); ++t) {
        const OutputRange q = columns(s, t);
        if (q.count() == 0) continue;
        product(pass.steps, q.count(), pass.blocks, b,
                x + (Size{h} * s.width + q.first * s.stride + t - s.left()) * unit,
                weight + (r * s.columns() + t) * pass.tap, y + (Size{p} * s.out_width + q.first) * b,
                Into::extend);
      }
    }
  }
}

void convolution_backward_data(const ConvolutionShape& s, const Band& band, const float* dy,
                               const float* weight, float* dx) {
  const Pass pass = backward_pass(s);
  const Size b = s.block, pixels = Size{s.height} * s.width;
  dy += band.image * Size{s.out_height} * s.out_width * s.channels_out;
  dx += band.image * pixels * pass.blocks * b;
  if (s.taps() == 1 && s.stride == 1)
    return for_runs(Size{band.first} * s.width, Size{band.end} * s.width, [&](Size pixel, Size count) {
      product(pass.steps, count, pass.blocks, b, dy + pixel * b, weight, dx + pixel * b);
    });
  for (int h = band.first; h < band.end; ++h) {
    for (Size i = 0; i < pass.blocks; ++i)
      std::fill_n(dx + (i * pixels + Size{h} * s.width) * b, s.width * b, 0.0f);
    for (int r = 0; r < s.kernel; ++r) {
      const int above = h + s.before - r, p = above / s.stride;
      if (above < 0 || above % s.stride != 0 || p >= s.out_height) continue;
      for (int t = 0; t < s.columns(); ++t) {
        const OutputRange q = columns(s, t);
        if (q.count() == 0) continue;
        product(pass.steps, q.count(), pass.blocks, b, dy + (Size{p} * s.out_width + q.first) * b,
                weight + (r * s.columns() + t) * pass.tap,
                dx + (Size{h} * s.width + q.first * s.stride + t - s.left()) * b, Into::extend);
      }
    }
  }
}

}  // namespace dagfusion::kernels
#endif
