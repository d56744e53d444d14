#include "nodes/kernels/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/product.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// `vectors` of them one step apart. The columns of a tile stay in the nearest cache while all rows pass.
template <class D, class Steps>
void Columns(D d, const Steps& s, const VectorSteps& v, std::ptrdiff_t rows, std::ptrdiff_t vectors,
             const float* left, const float* right, float* out, Into into) {
  while (vectors > 0) {
    const int together = Together(vectors);
    WithVectors(together, [&](auto j) HWY_ATTR { Rows<j>(d, rows, s, v, left, right, out, into); });
    right += together * v.right;
    out += together * v.out;
    vectors -= together;
  }
}

// A block is one vector.
template <class D>
void Vectors(D d, const ProductSteps& s, std::ptrdiff_t rows, std::ptrdiff_t blocks, const float* left,
             const float* right, float* out, Into into) {
  constexpr int kLanes = static_cast<int>(hn::MaxLanes(d));
  constexpr std::ptrdiff_t kTilesAhead = 3, kRowsOfTile = 4;
  const VectorSteps v = {s.right_block, s.out_block};
  const auto run = [&](const auto& steps)
                       HWY_ATTR { Columns(d, steps, v, rows, blocks, left, right, out, into); };
  if (s.right_inner != kLanes || s.out_row != kLanes) return run(s);
  if (s.inner == kLanes && s.left_row == kLanes && s.left_inner == 1)
    return run(ByChannels<kLanes, kLanes>{s.outer, s.left_outer, s.right_outer, 4 * kLanes, 4 * kLanes,
                                          kTilesAhead * kRowsOfTile * kLanes});
  if (s.outer != 1) return run(s);
  if (s.left_row == 1 && s.left_inner == kLanes) return run(ByRows<kLanes, kLanes>{s.inner});
  if (s.left_inner == 1) return run(ByNeighbours<kLanes>{s.inner, s.left_row, 4 * s.left_row});
  run(s);
}

template <class D>
void Blocks(D d, ProductSteps s, std::ptrdiff_t rows, std::ptrdiff_t blocks, std::ptrdiff_t block,
            const float* left, const float* right, float* out, Into into) {
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  if (s.left_four == 0) s.left_four = 4 * s.left_row;
  if (s.out_four == 0) s.out_four = 4 * s.out_row;
  if (block == lanes) return Vectors(d, s, rows, blocks, left, right, out, into);
  if (blocks == 1) return Columns(d, s, {lanes, lanes}, rows, block / lanes, left, right, out, into);
  for (std::ptrdiff_t at = 0; at < block; at += lanes)
    Columns(d, s, {s.right_block, s.out_block}, rows, blocks, left, right + at, out + at, into);
}

void Product(const ProductSteps& s, std::ptrdiff_t rows, std::ptrdiff_t blocks, std::ptrdiff_t block,
             const float* left, const float* right, float* out, Into into) {
  if (block % 16 == 0)
    return Blocks(hn::CappedTag<float, 16>(), s, rows, blocks, block, left, right, out, into);
  Blocks(hn::CappedTag<float, 8>(), s, rows, blocks, block, left, right, out, into);
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Product);

void product(const ProductSteps& steps, std::ptrdiff_t rows, std::ptrdiff_t blocks, std::ptrdiff_t block,
             const float* left, const float* right, float* out, Into into) {
  HWY_DYNAMIC_DISPATCH(Product)(steps, rows, blocks, block, left, right, out, into);
}

}  // namespace dagfusion::kernels
#endif
