#include "nodes/kernels/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/product.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

// `vectors` of them one step apart. The columns of a tile stay in the nearest cache while all rows pass.
template <class D>
void Columns(D d, const ProductSteps& s, const VectorSteps& v, std::ptrdiff_t rows, std::ptrdiff_t vectors,
             const float* left, const float* right, float* out, Into into) {
  while (vectors > 0) {
    const int together = Together(vectors);
    Tiles(d, rows, together, s, v, left, right, out, into);
    right += together * v.right;
    out += together * v.out;
    vectors -= together;
  }
}

template <class D>
void Blocks(D d, const ProductSteps& s, std::ptrdiff_t rows, std::ptrdiff_t blocks, std::ptrdiff_t block,
            const float* left, const float* right, float* out, Into into) {
  const auto lanes = static_cast<std::ptrdiff_t>(hn::Lanes(d));
  if (blocks == 1) return Columns(d, s, {lanes, lanes}, rows, block / lanes, left, right, out, into);
  for (std::ptrdiff_t at = 0; at < block; at += lanes) {
    Columns(d, s, {s.right_block, s.out_block}, rows, blocks, left, right + at, out + at, into);
  }
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
