#include "nodes/network/convolution_weight.h"

#include <algorithm>

#include "nodes/kernels/bfloat16.h"

namespace dagfusion {
namespace {

// Calls f(o, i, where its taps lie in PyTorch's order) for every kernel.
template <class F>
void for_each(const ConvolutionWeight& w, const F& f) {
  const std::size_t taps = w.taps();
  for (int o = 0; o < w.out; ++o) {
    for (int i = 0; i < w.in; ++i) f(o, i, (static_cast<std::size_t>(o) * w.in + i) * taps);
  }
}

}  // namespace

std::size_t ConvolutionWeight::stored_elements() const {
  return std::size_t{1} * filled_up(out, block) * (plain ? in : filled_up(in, block)) * taps();
}

std::size_t ConvolutionWeight::stored_at(int o, int i) const {
  const std::size_t taps = this->taps();
  if (plain) return (o / block * taps * in + i) * block + o % block;
  return ((o / block * blocks_of(in, block) + i / block) * taps * block + i % block) * block + o % block;
}

StoredLayout ConvolutionWeight::stored() const {
  const std::string b = std::to_string(block);
  return {.key = plain ? "Ohwi" + b + "o" : "OIhw" + b + "i" + b + "o",
          .elements = stored_elements(),
          .store =
              [w = *this](const float* from, float* to) {
                std::fill_n(to, w.stored_elements(), 0.0f);
                for_each(w, [&](int o, int i, std::size_t n) {
                  float* at = to + w.stored_at(o, i);
                  for (int tap = 0; tap < w.taps(); ++tap) at[tap * w.stored_step()] = from[n + tap];
                });
              },
          .load =
              [w = *this](const float* from, float* to) {
                for_each(w, [&](int o, int i, std::size_t n) {
                  const float* at = from + w.stored_at(o, i);
                  for (int tap = 0; tap < w.taps(); ++tap) to[n + tap] = at[tap * w.stored_step()];
                });
              }};
}

std::size_t ConvolutionWeight::packed_bytes() const {
  return std::size_t{1} * filled_up(out, block) * filled_up(in, block) * taps() * sizeof(float);
}

std::function<void(const float*, std::byte*)> ConvolutionWeight::pack() const {
  return [w = *this](const float* stored, std::byte* packed) {
    float* to = reinterpret_cast<float*>(packed);
    const std::size_t square = w.block * w.block;
    if (!w.plain) {  // a block of b by b is turned over where it lies
      for (float* const end = to + w.packed_bytes() / sizeof(float); to != end;
           to += square, stored += square) {
        for (int o = 0; o < w.block; ++o) {
          for (int i = 0; i < w.block; ++i) to[o * w.block + i] = stored[i * w.block + o];
        }
      }
      return;
    }
    std::fill_n(to, w.packed_bytes() / sizeof(float), 0.0f);
    const std::size_t taps = w.taps();
    for_each(w, [&](int o, int i, std::size_t) {
      const float* from = stored + w.stored_at(o, i);
      float* at = to + (o / w.block * blocks_of(w.in, w.block) + i / w.block) * taps * square +
                  o % w.block * w.block + i % w.block;
      for (std::size_t tap = 0; tap < taps; ++tap) at[tap * square] = from[tap * w.stored_step()];
    });
  };
}

std::size_t ConvolutionWeight::half_bytes() const { return packed_bytes() / 2; }

std::function<void(const float*, std::byte*)> ConvolutionWeight::pack_half_forward() const {
  return pack_half(false);
}
std::function<void(const float*, std::byte*)> ConvolutionWeight::pack_half_backward() const {
  return pack_half(true);
}

std::function<void(const float*, std::byte*)> ConvolutionWeight::pack_half(bool backward) const {
  return [w = *this, backward](const float* stored, std::byte* packed) {
    auto* to = reinterpret_cast<BFloat16*>(packed);
    const std::size_t taps = w.taps(), inputs = blocks_of(w.in, w.block), outputs = blocks_of(w.out, w.block);
    const bool inputs_first = backward && w.taps() == 1;
    for (std::size_t square = 0; square < outputs * inputs * taps; ++square, stored += 256) {
      BFloat16 from[256];
      kernels::narrow(stored, from, 256);
      const std::size_t place = inputs_first ? square % inputs * outputs + square / inputs : square;
      for (int i = 0; i < 16; ++i)
        for (int o = 0; o < 16; ++o) {
          const int summed = backward ? o : i, other = backward ? i : o;
          to[place * 256 + (summed / 2 * 16 + other) * 2 + summed % 2] = from[i * 16 + o];
        }
    }
  };
}

StoredLayout stored_channels(int channels, int block) {
  const std::size_t elements = filled_up(channels, block);
  return {.key = "x" + std::to_string(block),
          .elements = elements,
          .store = [=](const float* from,
                       float* to) { std::fill(std::copy_n(from, channels, to), to + elements, 0.0f); },
          .load = [=](const float* from, float* to) { std::copy_n(from, channels, to); }};
}

}  // namespace dagfusion
