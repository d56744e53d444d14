// mean_pool: average_pool, under the name that its windows had before both became one; new files say average_pool.
// LeCun et al. 1989, "Backpropagation Applied to Handwritten Zip Code Recognition", Neural Computation 1(4).
//
//   y[n,c,p,q] = (sum over r,s of x[n, c, p*stride + r - padding, q*stride + s - padding]) / count
//
// x: [N,C,H,W], zero outside; y: [N,C,P,Q], P = floor((H + 2 padding - kernel) / stride) + 1.
// count: kernel * kernel, or with count_padding: false only those of the window that lie inside x.

#include "graph/types/catalog.h"

namespace dagfusion {

NodeType average_pool();

NodeType mean_pool() {
  NodeType type = average_pool();
  type.name = "mean_pool";
  type.summary = "The mean of each window: average_pool, under the name that older files have for it.";
  type.example = "{type: mean_pool, in: x, kernel: 3, stride: 2, padding: 1}";
  return type;
}

}  // namespace dagfusion
