// The heads of feature maps in the blocked layout: where they lie, and copies of those that do not lie in one piece.
#pragma once

#include <algorithm>
#include <cstdint>

#include "nodes/kernels/bfloat16.h"
#include "nodes/network/act.h"

namespace dagfusion {

struct BlockedHeads {
  std::int64_t channels = 0, pixels = 0, heads = 1;
  int block = 8;
  bool half = false;  // feature maps of bfloat16

  std::int64_t depth() const { return channels / heads; }
  std::int64_t size() const { return filled_up(depth(), block) * pixels; }  // of one head, in numbers
  std::int64_t image_size() const { return filled_up(channels, block) * pixels; }
  // A head is a run of whole blocks where it lies, [D/b,P,b]; else it is copied to such a run.
  bool whole() const { return heads == 1 || depth() % block == 0; }
  bool in_place() const { return whole() && !half; }

  // Head h of image n, of whole blocks.
  template <class T>
  T* at(T* feature_map, std::int64_t n, std::int64_t h) const {
    return feature_map + n * image_size() + h * depth() * pixels;
  }

  // As floats: where it lies, or in `copy`.
  const float* head(const void* feature_map, std::int64_t n, std::int64_t h, float* copy) const {
    const auto* floats = static_cast<const float*>(feature_map);
    const auto* halves = static_cast<const BFloat16*>(feature_map);
    if (!whole()) return half ? taken_out(halves, n, h, copy) : taken_out(floats, n, h, copy);
    if (!half) return at(floats, n, h);
    kernels::widen(at(halves, n, h), copy, size());
    return copy;
  }

  // A copy back to its place. Head 0 clears the image before.
  void put(const float* copy, void* feature_map, std::int64_t n, std::int64_t h) const {
    if (!half) return put_into(copy, static_cast<float*>(feature_map), n, h);
    auto* halves = static_cast<BFloat16*>(feature_map);
    if (whole()) return kernels::narrow(copy, at(halves, n, h), size());
    put_into(copy, halves, n, h);
  }

 private:
  // Calls f(place in an image, place in the head) for every value of head h.
  template <class F>
  void for_each(std::int64_t h, const F& f) const {
    for (std::int64_t c = 0; c < depth(); ++c) {
      const std::int64_t channel = h * depth() + c;
      const std::int64_t from = channel / block * pixels * block + channel % block;
      const std::int64_t to = c / block * pixels * block + c % block;
      for (std::int64_t p = 0; p < pixels; ++p) f(from + p * block, to + p * block);
    }
  }

  template <class T>
  const float* taken_out(const T* feature_map, std::int64_t n, std::int64_t h, float* copy) const {
    feature_map += n * image_size();
    std::fill_n(copy, size(), 0.0f);
    for_each(h, [&](std::int64_t from, std::int64_t to) { copy[to] = to_float(feature_map[from]); });
    return copy;
  }

  template <class T>
  void put_into(const float* copy, T* feature_map, std::int64_t n, std::int64_t h) const {
    feature_map += n * image_size();
    if (h == 0) std::fill_n(feature_map, image_size(), T{});
    for_each(h, [&](std::int64_t to, std::int64_t from) { set(feature_map[to], copy[from]); });
  }
};

}  // namespace dagfusion
