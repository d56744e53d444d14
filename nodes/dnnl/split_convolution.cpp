#include "nodes/dnnl/split_convolution.h"

#include <algorithm>

namespace dagfusion {
namespace {

constexpr std::size_t kElement = 2;  // a bfloat16

struct Range {
  int first, count;
};

// `count` things in `parts` runs, as even as they can be.
std::vector<Range> runs(int count, int parts) {
  parts = std::clamp(parts, 1, count);
  std::vector<Range> all;
  for (int i = 0; i < parts; ++i) {
    const int first = count * i / parts;
    all.push_back({first, count * (i + 1) / parts - first});
  }
  return all;
}

}  // namespace

SplitConvolution::SplitConvolution(const ConvolutionShape& shape, Convolution::Options options, int ways)
    : shape_(shape), options_(options) {
  const int channel_parts = (ways + shape.images - 1) / shape.images,
            blocks = shape.channels_out / shape.block;
  for (const Range images : runs(shape.images, ways)) {
    const bool whole = channel_parts == 1 || blocks == 1;
    for (const Range b : runs(blocks, whole ? 1 : channel_parts))
      forward_.push_back({images.first, b.first * shape.block,
                          make(images.count, b.count * shape.block, whole && options.backward_data)});
    if (options.backward_data)
      backward_.push_back({images.first, 0, make(images.count, shape.channels_out, true)});
  }
}

const Convolution* SplitConvolution::make(int images, int channels, bool backward_data) {
  std::unique_ptr<Convolution>& made = made_[{images, channels, backward_data}];
  if (!made) {
    ConvolutionShape shape = shape_;
    shape.images = images;
    shape.channels_out = channels;
    Convolution::Options options = options_;
    options.backward_data = backward_data;
    made = std::make_unique<Convolution>(shape, options);
    scratch_bytes_ = std::max(scratch_bytes_, made->scratch_bytes());
  }
  return made.get();
}

void SplitConvolution::forward(std::size_t piece, const void* x, const void* weight, const float* bias,
                               const void* add, void* y, std::byte* scratch) const {
  const Piece& p = forward_[piece];
  const std::size_t x_at =
      static_cast<std::size_t>(p.image) * shape_.channels_in * shape_.height * shape_.width;
  const std::size_t y_at = (static_cast<std::size_t>(p.image) * shape_.channels_out + p.channel) *
                           shape_.out_height * shape_.out_width;
  const std::size_t weight_at =
      static_cast<std::size_t>(p.channel) * shape_.channels_in * shape_.kernel * shape_.kernel;
  const auto from = [&](const void* data, std::size_t at) {
    return static_cast<const void*>(static_cast<const std::byte*>(data) + at * kElement);
  };
  p.convolution->forward(from(x, x_at), from(weight, weight_at), bias ? bias + p.channel : nullptr,
                         add ? from(add, y_at) : nullptr, static_cast<std::byte*>(y) + y_at * kElement,
                         scratch);
}

void SplitConvolution::backward_data(std::size_t piece, const void* dy, const void* weight, void* dx,
                                     std::byte* scratch) const {
  const Piece& p = backward_[piece];
  const std::size_t x_at =
      static_cast<std::size_t>(p.image) * shape_.channels_in * shape_.height * shape_.width;
  const std::size_t y_at =
      static_cast<std::size_t>(p.image) * shape_.channels_out * shape_.out_height * shape_.out_width;
  p.convolution->backward_data(static_cast<const std::byte*>(dy) + y_at * kElement, weight,
                               static_cast<std::byte*>(dx) + x_at * kElement, scratch);
}

}  // namespace dagfusion
