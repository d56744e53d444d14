// linear: every output is a weighted sum of all inputs, plus a bias.
// Initial weights as in Glorot and Bengio 2010,
// "Understanding the difficulty of training deep feedforward neural networks", eq. 16, times init_scale.
//
//   y[n,o] = bias[o] + sum over i of weight[o,i] * x[n,i]
//
// x: [N,I]; y: [N,O]; weight: [O,I]; bias: [O].
// Backward:
//   dx[n,i]      = sum over o of weight[o,i] * dy[n,o]
//   dweight[o,i] = sum over n of dy[n,o] * x[n,i]
//   dbias[o]     = sum over n of dy[n,o]
//
// Not by oneDNN: on AVX2 the bits of its rows depend on how many rows there are.
// Here each element is one chain of multiply-adds,
// so a sample does not depend on its neighbours, nor a gradient on how a batch is cut.

#include <algorithm>

#include "graph/types/catalog.h"
#include "graph/values/parallel.h"
#include "nodes/kernels/product.h"
#include "nodes/network/weight_parameters.h"

namespace dagfusion {
namespace {

// [A,B] to [A/b,B,b], filled up with zeros; `read(a, b)` gives the values.
template <class F>
void to_panels(std::int64_t a_count, std::int64_t b_count, int block, float* to, const F& read) {
  std::fill_n(to, filled_up(a_count, block) * b_count, 0.0f);
  for (std::int64_t a = 0; a < a_count; ++a) {
    for (std::int64_t b = 0; b < b_count; ++b) to[(a / block * b_count + b) * block + a % block] = read(a, b);
  }
}

// Rows of `from` values to rows of `to`: cut off, or filled up with zeros.
void copy_rows(const float* in, std::int64_t from, float* out, std::int64_t to, std::int64_t rows) {
  for (std::int64_t n = 0; n < rows; ++n, in += from, out += to) {
    std::fill(std::copy_n(in, std::min(from, to), out), out + to, 0.0f);
  }
}

class Linear final : public DifferentiableMap {
 public:
  explicit Linear(Setup& setup) : x_(setup.input("x")), block_(setup.run().channel_block) {
    rows_ = x_.spec.shape[0];
    in_ = x_.spec.shape[1];
    out_ = setup.integer("channels");
    in_filled_ = filled_up(in_, block_);
    out_filled_ = filled_up(out_, block_);
    y_ = setup.output("y", {rows_, out_});

    const auto at = [in = in_, b = block_](std::int64_t o, std::int64_t i) {
      return (o / b * in + i) * b + o % b;
    };
    const StoredLayout panels = {
        .key = "Oi" + std::to_string(block_) + "o",
        .elements = static_cast<std::size_t>(out_filled_ * in_),
        .store =
            [in = in_, out = out_, b = block_](const float* from, float* to) {
              to_panels(out, in, b, to, [&](std::int64_t o, std::int64_t i) { return from[o * in + i]; });
            },
        .load =
            [in = in_, out = out_, at](const float* from, float* to) {
              for (std::int64_t o = 0; o < out; ++o) {
                for (std::int64_t i = 0; i < in; ++i) *to++ = from[at(o, i)];
              }
            }};
    weight_ = setup.weight("weight", {out_, in_}, initial_weight(setup, in_, out_), panels);
    if (setup.flag("bias")) bias_ = setup.weight("bias", {out_}, initial_bias(setup, in_));
    if (setup.run().training) {
      packed_ = setup.packed(weight_, "backward_data", in_filled_ * out_ * sizeof(float),
                             [in = in_, out = out_, b = block_, at](const float* stored, std::byte* packed) {
                               to_panels(in, out, b, reinterpret_cast<float*>(packed),
                                         [&](std::int64_t i, std::int64_t o) { return stored[at(o, i)]; });
                             });
    }
    setup.accumulate_reads(x_);
    setup.multiply_adds(rows_ * in_ * out_);
  }

  void prepare(Preparation& preparation) override {
    preparation.scratch(rows_ * std::max(in_filled_, out_filled_) * sizeof(float));
    if (out_ == out_filled_) ways_ = ways_over(in_ * out_, preparation.ways);
  }

  void forward(Call& call) const override {
    float* y = out_ == out_filled_ ? call.out<float>(y_) : reinterpret_cast<float*>(call.scratch());
    for (std::int64_t n = 0; n < rows_; ++n) {
      copy_rows(bias_.present() ? call.weight(bias_) : nullptr, bias_.present() ? out_ : 0,
                y + n * out_filled_, out_filled_, 1);
    }
    in_runs(out_filled_ / block_, ways_, [&](std::size_t first, std::size_t end) {
      kernels::product({.inner = in_,
                        .left_row = in_,
                        .left_inner = 1,
                        .right_inner = block_,
                        .out_row = out_filled_,
                        .right_block = in_ * block_,
                        .out_block = block_},
                       rows_, end - first, block_, call.in<float>(x_),
                       call.weight(weight_) + first * in_ * block_, y + first * block_,
                       kernels::Into::extend);
    });
    if (out_ != out_filled_) copy_rows(y, out_filled_, call.out<float>(y_), out_, rows_);
  }

  void backward(Call& call) const override {
    float* wanted = call.d<float>(x_);
    if (!wanted) return;
    float* dx = in_ == in_filled_ ? wanted : reinterpret_cast<float*>(call.scratch());
    kernels::product({.inner = out_,
                      .left_row = out_,
                      .left_inner = 1,
                      .right_inner = block_,
                      .out_row = in_filled_,
                      .right_block = out_ * block_,
                      .out_block = block_},
                     rows_, in_filled_ / block_, block_, call.d<float>(y_),
                     reinterpret_cast<const float*>(call.packed(packed_)), dx);
    if (in_ != in_filled_) copy_rows(dx, in_filled_, wanted, in_, rows_);
  }

  void accumulate(Call& call) const override {
    const float* dy = call.d<float>(y_);
    float* dweight = call.d(weight_);
    if (call.first_of_step()) std::fill_n(dweight, out_filled_ * in_, 0.0f);
    if (bias_.present()) {
      float* dbias = call.d(bias_);
      if (call.first_of_step()) std::fill_n(dbias, out_, 0.0f);
      for (std::int64_t n = 0; n < rows_; ++n) {
        for (std::int64_t o = 0; o < out_; ++o) dbias[o] += dy[n * out_ + o];
      }
    }
    if (out_ != out_filled_) {
      float* filled = reinterpret_cast<float*>(call.scratch());
      copy_rows(dy, out_, filled, out_filled_, rows_);
      dy = filled;
    }
    kernels::product({.inner = rows_,
                      .left_row = 1,
                      .left_inner = in_,
                      .right_inner = out_filled_,
                      .out_row = block_,
                      .right_block = block_,
                      .out_block = in_ * block_},
                     in_, out_filled_ / block_, block_, call.in<float>(x_), dy, dweight,
                     kernels::Into::extend);
  }

 private:
  Input x_;
  Output y_;
  Weight weight_;  // [O/b,I,b]
  Weight bias_;
  Packed packed_;  // [I/b,O,b]
  int block_ = 8, ways_ = 1;
  std::int64_t rows_ = 0, in_ = 0, out_ = 0, in_filled_ = 0, out_filled_ = 0;
};

}  // namespace

NodeType linear() {
  return {.name = "linear",
          .summary = "Every output is a weighted sum of all inputs, plus a bias.",
          .example = "{type: linear, in: x, channels: 64}",
          .role = Role::map,
          .inputs = {{"x", "[N,I] f32", "one vector for each image"}},
          .outputs = {{"y", "[N,O] f32", "one vector for each image"}},
          .parameters = {{.name = "channels",
                          .kind = Kind::integer,
                          .doc = "length of y",
                          .required = true,
                          .minimum = 1,
                          .maximum = 65536},
                         bias_parameter("add one value for each element of y"),
                         init_parameter(),
                         init_scale_parameter()},
          .create = make_node<Linear>};
}

}  // namespace dagfusion
