// Attention of one head whose feature maps are bfloat16, with bfloat16 dot products (has_bfloat16_dots()).
// Products are exact and summed in float32, and so are the softmax and its gradient; between two products the weights w
// and their gradients ds are rounded to bfloat16. Formulas: nodes/network/attention.cpp.
//
// q, k, v, y and their gradients: [C/16,P,16], P pixels; w: [P, half_attention_row()], of which P columns count.
#pragma once

#include <cstddef>

#include "graph/values/bfloat16.h"

namespace dagfusion::kernels {

struct HalfAttention {
  int channels = 0;  // of the head; a multiple of 16
  int pixels = 0;    // even
  float scale = 1;
};

inline bool half_attention_fits(int channels, int pixels, int block) {
  return block == 16 && channels % 16 == 0 && pixels % 2 == 0;
}
std::size_t half_attention_row(int pixels);
// Bytes for each call at the same time, aligned to 64.
std::size_t half_attention_scratch(const HalfAttention&);

// Rows `first` to `end` of w, and these pixels of y.
void half_attention_forward(const HalfAttention&, int first, int end, const BFloat16* q, const BFloat16* k,
                            const BFloat16* v, BFloat16* w, BFloat16* y, std::byte* scratch);

// w: what forward gave, or null: it is made again. dq, dk, dv: null when nobody wants them.
void half_attention_backward(const HalfAttention&, const BFloat16* q, const BFloat16* k, const BFloat16* v,
                             const BFloat16* w, const BFloat16* dy, BFloat16* dq, BFloat16* dk, BFloat16* dv,
                             std::byte* scratch);

}  // namespace dagfusion::kernels
