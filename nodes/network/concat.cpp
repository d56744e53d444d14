// concat: puts the channels of b behind those of a (the skip connections of a U-Net).
// Ronneberger et al. 2015, "U-Net", arXiv:1505.04597.
//
//   y[n] = [a[n], b[n]] ;  da = the first C1 channels of dy, db = the others
//
// a: [N,C1,H,W], b: [N,C2,H,W], y: [N,C1+C2,H,W], all in blocks of channels. When C1 fills its blocks, whole
// blocks are copied; else b's channels move to other places in their blocks.

#include <algorithm>
#include <cstring>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/network/act.h"

namespace dagfusion {
namespace {

class Concat final : public DifferentiableMap {
 public:
  explicit Concat(Setup& setup) : a_(setup.input("a")), b_(setup.input("b")) {
    const Shape& shape = a_.spec.shape;
    y_ = setup.output("y", {shape[0], shape[1] + b_.spec.shape[1], shape[2], shape[3]});
    pixels_ = shape[2] * shape[3];
  }

  void prepare(Preparation& preparation) override {
    ways_ = ways_over(2 * static_cast<std::int64_t>(y_.spec.stored_elements()), preparation.ways);
  }

  void forward(Call& call) const override {
    if (is_half(y_.spec)) return join<BFloat16>(call);
    join<float>(call);
  }

  void backward(Call& call) const override {
    if (is_half(y_.spec)) return divide<BFloat16>(call);
    divide<float>(call);
  }

 private:
  template <class T>
  void join(Call& call) const {
    const T* a = call.in<T>(a_);
    const T* b = call.in<T>(b_);
    T* y = call.out<T>(y_);
    if (aligned()) return join_blocks(a, b, y);
    for (std::int64_t n = 0; n < y_.spec.shape[0]; ++n) {
      const std::size_t a_size = a_.spec.image_elements(), b_size = b_.spec.image_elements(),
                        y_size = y_.spec.image_elements();
      std::memcpy(y, a, a_size * sizeof(T));
      std::fill(y + a_size, y + y_size, T{});
      move_channels(b, 0, y, channels(a_.spec), channels(b_.spec));
      a += a_size, b += b_size, y += y_size;
    }
  }

  template <class T>
  void join_blocks(const T* a, const T* b, T* y) const {
    const std::size_t block = static_cast<std::size_t>(y_.spec.block), size = block * pixels_;
    const std::size_t of_a = a_.spec.image_elements() / size, of_y = y_.spec.image_elements() / size;
    in_bands(
        y_.spec.shape[0], y_.spec.shape[2], ways_, [&](std::int64_t n, std::int64_t first, std::int64_t end) {
          const std::size_t row = block * y_.spec.shape[3], at = first * row;
          for (std::size_t k = 0; k < of_y; ++k) {
            const T* from = k < of_a ? a + (n * of_a + k) * size : b + (n * (of_y - of_a) + k - of_a) * size;
            std::memcpy(y + (n * of_y + k) * size + at, from + at, (end - first) * row * sizeof(T));
          }
        });
  }

  template <class T>
  void divide(Call& call) const {
    const T* dy = call.d<T>(y_);
    T* da = call.d<T>(a_);
    T* db = call.d<T>(b_);
    for (std::int64_t n = 0; n < y_.spec.shape[0]; ++n, dy += y_.spec.image_elements()) {
      if (da) da = part(dy, 0, da, a_.spec);
      if (db) db = part(dy, channels(a_.spec), db, b_.spec);
    }
  }

  static std::int64_t channels(const TensorSpec& spec) { return spec.shape[1]; }
  bool aligned() const { return channels(a_.spec) % a_.spec.block == 0; }

  // Copies `count` channels of one image, from channel `from` on, to those from channel `to` on.
  template <class T>
  void move_channels(const T* source, std::int64_t from, T* target, std::int64_t to,
                     std::int64_t count) const {
    const std::int64_t block = y_.spec.block;
    for (std::int64_t c = 0; c < count; ++c) {
      const T* s = source + (from + c) / block * block * pixels_ + (from + c) % block;
      T* t = target + (to + c) / block * block * pixels_ + (to + c) % block;
      for (std::int64_t p = 0; p < pixels_; ++p) t[p * block] = s[p * block];
    }
  }

  // The channels of one image of dy that a summand of this shape gave; returns where its next image begins.
  template <class T>
  T* part(const T* dy, std::int64_t from, T* d, const TensorSpec& spec) const {
    const std::size_t size = spec.image_elements();
    if (from % spec.block == 0 && channels(spec) % spec.block == 0) {
      std::memcpy(d, dy + from * pixels_, size * sizeof(T));
    } else {
      std::fill(d, d + size, T{});
      move_channels(dy, from, d, 0, channels(spec));
    }
    return d + size;
  }

  Input a_, b_;
  Output y_;
  std::int64_t pixels_ = 0;
  int ways_ = 1;
};

}  // namespace

NodeType concat() {
  return {.name = "concat",
          .summary = "Puts the channels of b behind those of a.",
          .stands_for = {"merging"},
          .paper = "Ronneberger et al. 2015, arXiv:1505.04597",
          .example = "{type: concat, in: {a: a, b: b}}",
          .role = Role::map,
          .inputs = {{"a", "[N,A,H,W] float blocked", "the first channels"},
                     {"b", "[N,B,H,W] float blocked", "the further channels"}},
          .outputs = {{"y", "[N,C,H,W] float blocked", "all channels, C = A + B"}},
          .create = make_node<Concat>};
}

}  // namespace dagfusion
