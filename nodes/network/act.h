// Activations are float32 or bfloat16. Where arithmetic is short beside the memory it passes over, a node
// computes in float32 and its bfloat16 values are widened and narrowed piece by piece, in the nearest cache.
#pragma once

#include <algorithm>

#include "graph/values/tensor.h"
#include "nodes/kernels/bfloat16.h"

namespace dagfusion {

inline bool is_half(const TensorSpec& spec) { return spec.dtype == DType::bf16; }

// f(const float* in..., float* out, count) over all n elements, which are float32 or bfloat16.
template <class F, class... In>
void for_pieces(bool half, std::size_t n, const F& f, void* out, const In*... in) {
  if (!half) return f(static_cast<const float*>(in)..., static_cast<float*>(out), n);
  constexpr std::size_t kPiece = 1024;
  float buffers[sizeof...(In)][kPiece], result[kPiece];
  for (std::size_t done = 0; done < n; done += kPiece) {
    const std::size_t count = std::min(kPiece, n - done);
    std::size_t buffer = 0;
    const auto piece = [&](const void* from) {
      kernels::widen(static_cast<const BFloat16*>(from) + done, buffers[buffer], count);
      return static_cast<const float*>(buffers[buffer++]);
    };
    const float* pieces[] = {piece(in)...};
    [&]<std::size_t... i>(std::index_sequence<i...>) { f(pieces[i]..., result, count); }
    (std::make_index_sequence<sizeof...(In)>());
    kernels::narrow(result, static_cast<BFloat16*>(out) + done, count);
  }
}

}  // namespace dagfusion
