#include "nodes/dnnl/winograd.h"

#include <algorithm>

#include "nodes/kernels/sums.h"

namespace dagfusion {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr int kBlock = 16, kFewestChannels = 32, kChannelsOfTwoParts = 64, kSmallestSide = 4;

memory::desc of(memory::dims dims, Tag tag) { return {std::move(dims), memory::data_type::f32, tag}; }

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

bool WinogradConvolution::fits(const ConvolutionShape& s, const ConvolutionWeight& w) {
  return s.block == kBlock && channel_block() == kBlock && !s.plain && s.kernel == 3 && s.stride == 1 &&
         s.before == 1 && w.in == s.channels_in && w.out == s.channels_out &&
         std::min(w.in, w.out) >= kFewestChannels && std::min(s.height, s.width) >= kSmallestSide;
}

WinogradConvolution::WinogradConvolution(const ConvolutionShape& shape, const ConvolutionWeight& weight,
                                         bool bias)
    : shape_(shape), weight_(weight), bias_(bias) {
  on_thread_entry();  // primitives are planned for the number of threads at this time
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const int parts =
      shape.channels_out >= kChannelsOfTwoParts && shape.channels_out % (2 * kBlock) == 0 ? 2 : 1;
  const int channels = shape.channels_out / parts;
  for (int p = 0; p < parts; ++p) {
    const auto x = of({1, shape.channels_in, shape.height, shape.width}, Tag::nChw16c);
    const auto y = of({1, channels, shape.height, shape.width}, Tag::nChw16c);
    const auto any = of({channels, shape.channels_in, 3, 3}, Tag::any);
    const auto inference = dnnl::prop_kind::forward_inference;
    const auto winograd = dnnl::algorithm::convolution_winograd;
    const memory::dims ones = {1, 1};
    const auto description =
        bias ? dnnl::convolution_forward::desc(inference, winograd, x, any, of({channels}, Tag::x), y, ones,
                                               ones, ones)
             : dnnl::convolution_forward::desc(inference, winograd, x, any, y, ones, ones, ones);
    parts_.push_back({p * channels, channels, {description, attributes, cpu_engine()}, packed_bytes_, {}});
    packed_bytes_ += aligned(parts_.back().description.weights_desc().get_size());
    scratch_bytes_ = std::max(scratch_bytes_, parts_.back().description.scratchpad_desc().get_size());
  }
}

void WinogradConvolution::prepare() {
  on_thread_entry();
  for (Part& p : parts_) {
    Primitive::Arguments arguments = {{DNNL_ARG_SRC, p.description.src_desc()},
                                      {DNNL_ARG_WEIGHTS, p.description.weights_desc()},
                                      {DNNL_ARG_DST, p.description.dst_desc()},
                                      {DNNL_ARG_SCRATCHPAD, p.description.scratchpad_desc()}};
    if (bias_) arguments.emplace_back(DNNL_ARG_BIAS, p.description.bias_desc());
    p.primitive = std::make_unique<Primitive>(dnnl::convolution_forward(p.description), std::move(arguments));
  }
}

std::function<void(const float*, std::byte*)> WinogradConvolution::pack() const {
  struct Copy {
    int first, channels;
    memory::desc to;
    std::size_t at;
  };
  std::vector<Copy> copies;
  for (const Part& p : parts_)
    copies.push_back({p.first, p.channels, p.description.weights_desc(), p.packed_at});
  return [copies, weight = weight_](const float* stored, std::byte* packed) {
    const std::size_t of_one_out = static_cast<std::size_t>(weight.in) * 9;
    std::vector<float> plain(of_one_out * static_cast<std::size_t>(weight.out));
    weight.stored().load(stored, plain.data());
    for (const Copy& c : copies) {  // oneDNN transforms the plain order only
      memory from(of({c.channels, weight.in, 3, 3}, Tag::oihw), cpu_engine(),
                  plain.data() + of_one_out * static_cast<std::size_t>(c.first));
      memory to(c.to, cpu_engine(), packed + c.at);
      dnnl::reorder(from, to).execute(thread_stream(), from, to);
    }
  };
}

void WinogradConvolution::forward(std::size_t piece, const float* x, const std::byte* packed,
                                  const float* bias, const float* add, float* y, std::byte* scratch) const {
  const std::size_t image = piece / parts_.size();
  const Part& p = parts_[piece % parts_.size()];
  const std::size_t pixels = static_cast<std::size_t>(shape_.height) * shape_.width;
  const float* from = x + image * pixels * shape_.channels_in;
  const std::size_t at = (image * shape_.channels_out + p.first) * pixels;
  if (bias_)
    p.primitive->run({from, packed + p.packed_at, y + at, scratch, bias + p.first});
  else
    p.primitive->run({from, packed + p.packed_at, y + at, scratch});
  if (add) kernels::add(y + at, add + at, y + at, pixels * p.channels);
}

}  // namespace dagfusion
