#include "nodes/kernels/bytes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/bytes.cpp"
#include "hwy/foreach_target.h"
#include "nodes/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

using Bytes = hn::Rebind<std::uint8_t, Floats>;
using Integers = hn::RebindToSigned<Floats>;

// (2 byte - 255) / 255: the same number with one rounding.
void BytesToSigned(const std::uint8_t* bytes, float* x, std::size_t n) {
  const Floats d;
  const auto range = hn::Set(d, 255.0f);
  const auto convert = [&](const std::uint8_t* from) HWY_ATTR {
    const auto value = hn::ConvertTo(d, hn::PromoteTo(Integers(), hn::LoadU(Bytes(), from)));
    return hn::Div(hn::Sub(hn::Add(value, value), range), range);
  };
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(convert(bytes + i), d, x + i);
  if (i < n) {
    std::uint8_t last[kMaxLanes] = {};
    std::memcpy(last, bytes + i, n - i);
    StoreLast(convert(last), d, x + i, n - i);
  }
}

void SignedToBytes(const float* x, std::uint8_t* bytes, std::size_t n) {
  const Floats d;
  const auto one = hn::Set(d, 1.0f), half = hn::Set(d, 127.5f), range = hn::Set(d, 255.0f);
  const auto convert = [&](auto v) HWY_ATTR {
    const auto value = hn::Mul(hn::Add(v, one), half);
    const auto clamped = hn::Min(hn::Max(value, hn::Zero(d)), range);
    return hn::DemoteTo(Bytes(), hn::NearestInt(hn::IfThenZeroElse(hn::IsNaN(v), clamped)));
  };
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(convert(hn::LoadU(d, x + i)), Bytes(), bytes + i);
  if (i < n) {
    std::uint8_t last[kMaxLanes];
    hn::StoreU(convert(LoadLast(d, x + i, n - i)), Bytes(), last);
    std::memcpy(bytes + i, last, n - i);
  }
}

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(BytesToSigned);
HWY_EXPORT(SignedToBytes);

void bytes_to_signed(const std::uint8_t* bytes, float* x, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(BytesToSigned)(bytes, x, n);
}

void signed_to_bytes(const float* x, std::uint8_t* bytes, std::size_t n) {
  HWY_DYNAMIC_DISPATCH(SignedToBytes)(x, bytes, n);
}

}  // namespace dagfusion::kernels
#endif
