// How fast the kernels are, beside what the core can do at best in the same seconds: read a kernel's items
// per second (floats) against fma_peak (floats multiplied and added) and copy. The machine's speed drifts, so
// let them take turns:
//   build/tests/bench_kernels --benchmark_enable_random_interleaving=true --benchmark_repetitions=5
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "nodes/kernels/adam.h"
#include "nodes/kernels/blocked.h"
#include "nodes/kernels/bytes.h"
#include "nodes/kernels/gaussian.h"
#include "nodes/kernels/group_norm.h"
#include "nodes/kernels/instruction_set.h"
#include "nodes/kernels/silu.h"
#include "nodes/kernels/softmax.h"
#include "nodes/kernels/sums.h"
#include "nodes/kernels/winograd.h"
#include "tests/fixtures/convolution_shapes.h"

namespace {

using namespace dagfusion;
using benchmark::State;

std::vector<float> numbers(std::size_t n, std::uint32_t seed = 1) {
  std::vector<float> values(n);
  kernels::gaussian(RandomStream{.key = {seed, 0}}, values.data(), n);
  return values;
}

void count(State& state, std::size_t floats) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(floats));
}

// Multiply-adds in registers, AVX2: twelve independent chains cover the latency of two units.
using Vector [[gnu::vector_size(32)]] = float;
[[gnu::target("avx2,fma"), gnu::noinline]] void multiply_add(Vector& result, int rounds) {
  const Vector factor = Vector{} + 0.999f, term = Vector{} + 0.001f;
  Vector sums[12] = {};
  for (int i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (int k = 0; k < 12; ++k) {
      sums[k] = sums[k] * factor + term;
      asm("" : "+x"(sums[k]));  // one instruction each, whatever the compiler could do
    }
  }
#pragma GCC unroll 12
  for (int k = 0; k < 12; ++k) result += sums[k];
}
void fma_peak(State& state) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return state.SkipWithError("needs AVX2");
  Vector result = {};
  for (auto _ : state) {
    multiply_add(result, 1000);
    benchmark::DoNotOptimize(result);
  }
  count(state, 12 * 8 * 1000);
}
BENCHMARK(fma_peak);

// Floats copied, within the second-level cache (16 k) and from memory (16 M). Not memcpy: its speed depends
// on how the two addresses lie to each other, by a factor of ten on Zen 3.
[[gnu::target("avx"), gnu::noinline]] void copy_vectors(const float* from, float* to, std::size_t n) {
  using Unaligned [[gnu::vector_size(32), gnu::aligned(4), gnu::may_alias]] = float;
  for (std::size_t i = 0; i < n; i += 8) {
    *reinterpret_cast<Unaligned*>(to + i) = *reinterpret_cast<const Unaligned*>(from + i);
  }
}
void copy(State& state) {
  const std::size_t n = state.range(0);
  const auto from = numbers(n);
  std::vector<float> to(n);
  for (auto _ : state) {
    copy_vectors(from.data(), to.data(), n);
    benchmark::ClobberMemory();
  }
  count(state, n);
}
BENCHMARK(copy)->Arg(1 << 14)->Arg(1 << 24);

// Channels, groups, pixels, silu.
struct Image {
  kernels::GroupNormShape shape;
  std::vector<float> x, dy, y, shift, gamma, beta, mean, rstd, dshift, dgamma, dbeta;

  explicit Image(const State& state)
      : shape{.channels = int(state.range(0)),
              .groups = int(state.range(1)),
              .block = 8,
              .pixels = std::size_t(state.range(2)),
              .silu = state.range(3) != 0},
        x(numbers(shape.channels * shape.pixels)),
        dy(numbers(x.size(), 2)),
        y(x.size()),
        shift(shape.channels),
        gamma(shape.channels, 1),
        beta(shape.channels),
        mean(shape.groups),
        rstd(shape.groups),
        dshift(shape.channels),
        dgamma(shape.channels),
        dbeta(shape.channels) {}

  void forward() {
    kernels::group_norm(shape, x.data(), shift.data(), gamma.data(), beta.data(), y.data(), mean.data(),
                        rstd.data());
  }
  void backward() {
    kernels::group_norm_backward(shape, x.data(), shift.data(), mean.data(), rstd.data(), gamma.data(),
                                 beta.data(), dy.data(), y.data(), dshift.data(), dgamma.data(),
                                 dbeta.data());
  }
};

void group_norm_forward(State& state) {
  Image image(state);
  for (auto _ : state) image.forward();
  count(state, image.x.size());
}
void group_norm_backward(State& state) {
  Image image(state);
  image.forward();
  for (auto _ : state) image.backward();
  count(state, image.x.size());
}
void images(benchmark::internal::Benchmark* b) {
  b->Args({64, 32, 1024, 1})->Args({64, 32, 1024, 0})->Args({128, 32, 256, 1})->Args({384, 32, 64, 1});
}
BENCHMARK(group_norm_forward)->Apply(images);
BENCHMARK(group_norm_backward)->Apply(images);

void silu_forward(State& state) {
  const std::size_t n = 1 << 14;
  const auto x = numbers(n);
  std::vector<float> y(n);
  for (auto _ : state) kernels::silu(x.data(), y.data(), n);
  count(state, n);
}
BENCHMARK(silu_forward);

void silu_backward(State& state) {
  const std::size_t n = 1 << 14;
  const auto x = numbers(n), dy = numbers(n, 2);
  std::vector<float> dx(n);
  for (auto _ : state) kernels::silu_backward(x.data(), dy.data(), dx.data(), n);
  count(state, n);
}
BENCHMARK(silu_backward);

void gaussian(State& state) {
  const std::size_t n = 3 * 32 * 32;
  std::vector<float> out(n);
  for (auto _ : state) kernels::gaussian(RandomStream{}, out.data(), n);
  count(state, n);
}
BENCHMARK(gaussian);

void adam(State& state) {
  const std::size_t n = state.range(0);
  const auto gradient = numbers(n);
  std::vector<float> value(n), m(n), v(n, 1);
  for (auto _ : state) kernels::adam({}, value.data(), gradient.data(), m.data(), v.data(), n);
  count(state, n);
}
BENCHMARK(adam)->Arg(1 << 14)->Arg(1 << 22);

void accumulate(State& state) {
  const std::size_t n = state.range(0);
  const auto x = numbers(n);
  std::vector<float> y(n);
  for (auto _ : state) kernels::accumulate(x.data(), y.data(), n);
  count(state, n);
}
BENCHMARK(accumulate)->Arg(1 << 14)->Arg(1 << 22);

void sum_of_squares(State& state) {
  const std::size_t n = 1 << 14;
  const auto x = numbers(n);
  for (auto _ : state) benchmark::DoNotOptimize(kernels::sum_of_squares(x.data(), n));
  count(state, n);
}
BENCHMARK(sum_of_squares);

void all_finite(State& state) {
  const std::size_t n = 1 << 14;
  const auto x = numbers(n);
  for (auto _ : state) benchmark::DoNotOptimize(kernels::all_finite(x.data(), n));
  count(state, n);
}
BENCHMARK(all_finite);

void softmax(State& state) {
  auto s = numbers(64 * 256);
  for (auto _ : state) kernels::softmax(1, s.data(), 64, 256);
  count(state, s.size());
}
BENCHMARK(softmax);

void softmax_backward(State& state) {
  const auto p = numbers(64 * 256), dp = numbers(64 * 256, 2);
  std::vector<float> ds(p.size());
  for (auto _ : state) kernels::softmax_backward(1, p.data(), dp.data(), ds.data(), 64, 256);
  count(state, ds.size());
}
BENCHMARK(softmax_backward);

void plain_to_blocked(State& state) {
  const auto plain = numbers(64 * 256);
  std::vector<float> blocked(plain.size());
  for (auto _ : state) kernels::plain_to_blocked(plain.data(), blocked.data(), 64, 256, 8);
  count(state, plain.size());
}
BENCHMARK(plain_to_blocked);

void blocked_to_plain(State& state) {
  const auto blocked = numbers(64 * 256);
  std::vector<float> plain(blocked.size());
  for (auto _ : state) kernels::blocked_to_plain(blocked.data(), plain.data(), 64, 256, 8);
  count(state, plain.size());
}
BENCHMARK(blocked_to_plain);

void upsample2(State& state) {
  const auto x = numbers(8 * 16 * 16 * 8);
  std::vector<float> y(4 * x.size());
  for (auto _ : state) kernels::upsample2(x.data(), y.data(), 8, 16, 16, 8);
  count(state, y.size());
}
BENCHMARK(upsample2);

void upsample2_backward(State& state) {
  const auto dy = numbers(8 * 32 * 32 * 8);
  std::vector<float> dx(dy.size() / 4);
  for (auto _ : state) kernels::upsample2_backward(dy.data(), dx.data(), 8, 16, 16, 8);
  count(state, dy.size());
}
BENCHMARK(upsample2_backward);

void bytes_to_signed(State& state) {
  const std::size_t n = 1 << 14;
  const std::vector<std::uint8_t> bytes(n, 100);
  std::vector<float> x(n);
  for (auto _ : state) kernels::bytes_to_signed(bytes.data(), x.data(), n);
  count(state, n);
}
BENCHMARK(bytes_to_signed);

void signed_to_bytes(State& state) {
  const std::size_t n = 1 << 14;
  const auto x = numbers(n);
  std::vector<std::uint8_t> bytes(n);
  for (auto _ : state) kernels::signed_to_bytes(x.data(), bytes.data(), n);
  count(state, n);
}
BENCHMARK(signed_to_bytes);

// One frame of a layer of `channels` at side x side, items in multiply-adds of the direct way.
struct Layer {
  explicit Layer(const State& state)
      : channels(static_cast<int>(state.range(0))), side(static_cast<int>(state.range(1))) {}
  static constexpr int kImages = 8;
  int channels, side;
  kernels::ConvolutionShape shape = tests::same_size(kImages, channels, channels, side, side);
  std::size_t pixels = static_cast<std::size_t>(kImages) * channels * side * side;
  std::size_t weights = static_cast<std::size_t>(channels) * channels * 9;
  std::size_t multiply_adds() const { return pixels * channels * 9; }
};

struct Freed {
  void operator()(float* memory) const { std::free(memory); }
};
using Aligned = std::unique_ptr<float[], Freed>;
Aligned aligned(std::size_t n) {
  Aligned made(static_cast<float*>(std::aligned_alloc(64, (n * sizeof(float) + 63) / 64 * 64)));
  std::ranges::copy(numbers(n), made.get());
  return made;
}

void winograd_forward(State& state) {
  const Layer layer(state);
  const Aligned x = aligned(layer.pixels), y = aligned(layer.pixels), weight = aligned(layer.weights),
                scratch = aligned(kernels::winograd_scratch(layer.shape) / sizeof(float));
  const auto parts = kernels::winograd_parts(layer.shape, kernels::WinogradPass::forward, 1);
  for (auto _ : state)
    kernels::winograd_forward(layer.shape, parts.front(), x.get(), weight.get(), nullptr, nullptr, y.get(),
                              reinterpret_cast<std::byte*>(scratch.get()));
  count(state, layer.multiply_adds());
}
BENCHMARK(winograd_forward)->Args({128, 32})->Args({256, 16})->Args({256, 8});

void winograd_gradient(State& state) {
  const Layer layer(state);
  const Aligned x = aligned(layer.pixels), dy = aligned(layer.pixels), dweight = aligned(layer.weights),
                scratch = aligned(kernels::winograd_gradient_scratch(layer.shape) / sizeof(float));
  for (auto _ : state)
    kernels::winograd_gradient(layer.shape, 0, layer.channels, x.get(), dy.get(), dweight.get(), nullptr,
                               reinterpret_cast<std::byte*>(scratch.get()));
  count(state, layer.multiply_adds());
}
BENCHMARK(winograd_gradient)->Args({128, 32})->Args({256, 16})->Args({256, 8});

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("instruction set", kernels::instruction_set());
  benchmark::RunSpecifiedBenchmarks();
}
