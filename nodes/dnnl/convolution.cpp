#include "nodes/dnnl/convolution.h"

#include <algorithm>
#include <stdexcept>

namespace dagfusion {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

struct Descriptors {
  memory::desc x, weight, bias, y;
  memory::dims strides, before, after;
};

// oneDNN's fast kernels take no others; a 1x1 kernel goes backward with its blocks in the order of a product.
constexpr Tag kForwardWeight = Tag::OIhw8i16o2i;
Tag backward_weight(const ConvolutionShape& s) { return s.kernel == 1 ? Tag::IOhw8o16i2o : Tag::OIhw8o16i2o; }

// Filling channels are declared as channels:
// the fast kernels take them, and nothing has to be zeroed afterwards.
Descriptors descriptors(const ConvolutionShape& s, Tag weight) {
  constexpr auto kType = memory::data_type::bf16;
  // Only as much padding behind as is read; the last rows and columns of x may also be left over.
  const auto after = [&](int size, int out) {
    return std::max(0, (out - 1) * s.stride + s.kernel - size - s.before);
  };
  return {.x = {{s.images, s.channels_in, s.height, s.width}, kType, Tag::nChw16c},
          .weight = {{s.channels_out, s.channels_in, s.kernel, s.kernel}, kType, weight},
          .bias = {{s.channels_out}, memory::data_type::f32, Tag::x},
          .y = {{s.images, s.channels_out, s.out_height, s.out_width}, kType, Tag::nChw16c},
          .strides = {s.stride, s.stride},
          .before = {s.before, s.before},
          .after = {after(s.height, s.out_height), after(s.width, s.out_width)}};
}

dnnl::convolution_forward::primitive_desc forward_descriptor(const Descriptors& d, bool bias, bool add) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (add) {
    dnnl::post_ops sum;
    sum.append_binary(dnnl::algorithm::binary_add, d.y);
    attributes.set_post_ops(sum);
  }
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto training = dnnl::prop_kind::forward_training;
  const auto description = bias ? dnnl::convolution_forward::desc(training, direct, d.x, d.weight, d.bias,
                                                                  d.y, d.strides, d.before, d.after)
                                : dnnl::convolution_forward::desc(training, direct, d.x, d.weight, d.y,
                                                                  d.strides, d.before, d.after);
  return {description, attributes, cpu_engine()};
}

}  // namespace

Convolution::Convolution(const ConvolutionShape& shape, Options options) : options_(options) {
  on_thread_entry();  // primitives are planned for the number of threads at this time
  const Descriptors d = descriptors(shape, kForwardWeight);
  const auto forward = forward_descriptor(d, options.bias, options.add);
  Primitive::Arguments arguments = {{DNNL_ARG_SRC, d.x},
                                    {DNNL_ARG_WEIGHTS, d.weight},
                                    {DNNL_ARG_DST, d.y},
                                    {DNNL_ARG_SCRATCHPAD, forward.scratchpad_desc()}};
  if (options.bias) arguments.emplace_back(DNNL_ARG_BIAS, d.bias);
  if (options.add) arguments.emplace_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, d.y);
  forward_.emplace(dnnl::convolution_forward(forward), arguments);
  forward_implementation_ = forward.impl_info_str();
  scratch_bytes_ = forward.scratchpad_desc().get_size();

  if (!options.backward_data) return;
  const Descriptors b = descriptors(shape, backward_weight(shape));
  // A scratchpad of the user's is refused by these kernels, which need none.
  const dnnl::convolution_backward_data::primitive_desc backward(
      {dnnl::algorithm::convolution_direct, b.x, b.weight, b.y, b.strides, b.before, b.after}, cpu_engine(),
      forward_descriptor(d, false, false));
  backward_data_.emplace(dnnl::convolution_backward_data(backward),
                         Primitive::Arguments{{DNNL_ARG_DIFF_DST, b.y},
                                              {DNNL_ARG_WEIGHTS, b.weight},
                                              {DNNL_ARG_DIFF_SRC, b.x},
                                              {DNNL_ARG_SCRATCHPAD, backward.scratchpad_desc()}});
  backward_implementation_ = backward.impl_info_str();
  if (backward.scratchpad_desc().get_size() > 0)
    throw std::logic_error("a bfloat16 convolution backward shares its scratch between threads");
}

void Convolution::forward(const void* x, const void* weight, const float* bias, const void* add, void* y,
                          std::byte* scratch) const {
  if (options_.bias && options_.add) return forward_->run({x, weight, y, scratch, bias, add});
  if (options_.bias) return forward_->run({x, weight, y, scratch, bias});
  if (options_.add) return forward_->run({x, weight, y, scratch, add});
  forward_->run({x, weight, y, scratch});
}

void Convolution::backward_data(const void* dy, const void* weight, void* dx, std::byte* scratch) const {
  backward_data_->run({dy, weight, dx, scratch});
}

}  // namespace dagfusion
