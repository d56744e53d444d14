// A matrix product whose right factor and result lie in blocks of neighbouring columns, as the
// channel-blocked layout has them; and so without packing.
//
//   out[m,n] = sum over k of left[m,k] * right[k,n],    k = (outer, inner)
//
// Every element is summed in the order of k: it does not depend on the number of rows or columns.
#pragma once

#include <cstddef>

namespace dagfusion::kernels {

enum class Into {
  overwrite,
  add,    // out += the sum
  extend  // the sum starts from out
};

// How far apart things lie, in floats.
struct ProductSteps {
  std::ptrdiff_t outer = 1, inner = 1;  // how many k there are
  std::ptrdiff_t left_row = 0, left_outer = 0, left_inner = 0;
  std::ptrdiff_t right_outer = 0, right_inner = 0;
  std::ptrdiff_t out_row = 0;
  std::ptrdiff_t left_four = 0, out_four = 0;     // from a row to the fourth after it; 0: four rows
  std::ptrdiff_t right_block = 0, out_block = 0;  // from one block of columns to the next
};

// rows >= 1, blocks >= 1, block a multiple of 8. `left` and `right` do not overlap `out`.
void product(const ProductSteps& steps, std::ptrdiff_t rows, std::ptrdiff_t blocks, std::ptrdiff_t block,
             const float* left, const float* right, float* out, Into into = Into::overwrite);

}  // namespace dagfusion::kernels
