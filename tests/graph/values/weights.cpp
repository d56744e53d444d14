#include "graph/values/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <stdexcept>

#include "graph/values/random.h"

namespace dagfusion {
namespace {

constexpr Init kUniform{Init::Kind::uniform, 0.5};
constexpr Init kNormal{Init::Kind::normal, 2.0};

// Two rows of three values, turned on their side and filled up to four columns.
StoredLayout turned() {
  return {.key = "turned",
          .elements = 12,
          .store =
              [](const float* plain, float* stored) {
                for (int r = 0; r < 2; ++r)
                  for (int c = 0; c < 3; ++c) stored[c * 4 + r] = plain[r * 3 + c];
              },
          .load =
              [](const float* stored, float* plain) {
                for (int r = 0; r < 2; ++r)
                  for (int c = 0; c < 3; ++c) plain[r * 3 + c] = stored[c * 4 + r];
              }};
}

template <class Work>
std::string refusal(Work work) {
  try {
    work();
    return "";
  } catch (const std::logic_error& error) {
    return error.what();
  }
}

TEST(Buffer, IsAlignedAndZero) {
  const Buffer buffer(100);
  EXPECT_EQ(buffer.size(), 100u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u);
  EXPECT_EQ(buffer.as<float>().size(), 25u);
  for (const float value : buffer.as<float>()) EXPECT_EQ(value, 0);
  EXPECT_EQ(Buffer(0).data(), nullptr);
}

TEST(Buffer, IsZeroAndBeginsAHugePageWhereItIsLarge) {
  constexpr std::size_t kHugePage = 2 << 20;
  for (const std::size_t bytes : {2 * kHugePage, 5 * kHugePage + 1}) {
    for (int again = 0; again < 2; ++again) {  // memory that was given back is zero too
      const Buffer buffer(bytes);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % kHugePage, 0u);
      EXPECT_EQ(std::count(buffer.data(), buffer.data() + bytes, std::byte{0}),
                static_cast<std::ptrdiff_t>(bytes));
      std::fill_n(buffer.data(), bytes, std::byte{1});
    }
  }
  Buffer moved(2 * kHugePage);
  moved = Buffer(64);  // gives the first back
  EXPECT_EQ(moved.size(), 64u);
}

TEST(Buffer, SaysThatThereIsNoSuchMemory) { EXPECT_THROW(Buffer(std::size_t{1} << 60), std::bad_alloc); }

TEST(WeightTable, KeepsEveryWeightOnACacheLine) {
  WeightTable table;
  EXPECT_EQ(table.add({.path = "a.weight", .shape = {3, 5}}), 0);
  EXPECT_EQ(table.add({.path = "a.bias", .shape = {3}}), 1);
  EXPECT_EQ(table.add({.path = "b.weight", .shape = {2, 3}, .layout = turned()}), 2);
  EXPECT_EQ(table.weights()[1].offset, 16u);
  EXPECT_EQ(table.weights()[2].offset, 32u);
  EXPECT_EQ(table.floats(), 48u);
  EXPECT_EQ(table.parameters(), 15 + 3 + 6);  // no filling
  EXPECT_EQ(table.find("a.bias"), 1);
  EXPECT_EQ(table.find("c.bias"), -1);
}

TEST(WeightTable, SharesAWeightThatIsAskedForAgain) {
  WeightTable table;
  table.add({.path = "a", .shape = {3}});
  EXPECT_EQ(table.add({.path = "a", .shape = {3}}), 0);
  EXPECT_EQ(table.weights().size(), 1u);
  EXPECT_EQ(refusal([&] { table.add({.path = "a", .shape = {4}}); }),
            "weight 'a' has shape [4], but had [3]");
  EXPECT_EQ(refusal([&] { table.add({.path = "a", .shape = {3}, .layout = {.key = "blocked by 8"}}); }),
            "weight 'a' has layout 'blocked by 8', but had 'plain'");
}

TEST(WeightTable, RefusesALayoutSmallerThanTheShape) {
  WeightTable table;
  EXPECT_EQ(refusal([&] { table.add({.path = "a", .shape = {13}, .layout = turned()}); }),
            "weight 'a' has a layout smaller than its shape [13]");
}

TEST(WeightTable, DrawsTheSameValuesInAnyLayout) {
  WeightTable plain, stored;
  plain.add({.path = "w", .shape = {2, 3}, .init = kUniform});
  stored.add({.path = "other", .shape = {7}, .init = kNormal});
  stored.add({.path = "w", .shape = {2, 3}, .init = kUniform, .layout = turned()});
  const WeightValues a(plain.floats(), 0), b(stored.floats(), 0);
  std::fill(b.values().begin(), b.values().end(), 9.0f);
  plain.initialise(a.values(), 5);
  stored.initialise(b.values(), 5);
  EXPECT_EQ(plain.plain(0, a.values()), stored.plain(1, b.values()));
  for (const std::size_t filling : {2, 3, 6, 7, 10, 11}) EXPECT_EQ(b.values()[16 + filling], 0) << filling;
}

TEST(WeightTable, DrawsFromTheStreamOfTheWeightsPath) {
  WeightTable table;
  table.add({.path = "model/a.weight", .shape = {5}, .init = kUniform});
  const WeightValues values(table.floats(), 0);
  table.initialise(values.values(), 3);
  const RandomStream stream{.key = stream_key(3, "model/a.weight")};
  for (std::uint32_t i = 0; i < 5; ++i) {
    const float u = uniform01(stream.block(i / 4)[i % 4]);
    EXPECT_FLOAT_EQ(values.values()[i], 0.5f * (2 * u - 1));
  }
}

TEST(WeightTable, StartsWithTheDistributionAskedFor) {
  WeightTable table;
  table.add({.path = "one", .shape = {9}, .init = {Init::Kind::constant, 1.0}});
  table.add({.path = "uniform", .shape = {100, 100}, .init = kUniform});
  table.add({.path = "normal", .shape = {100, 100}, .init = kNormal});
  const WeightValues values(table.floats(), 0);
  table.initialise(values.values(), 1);
  EXPECT_EQ(table.plain(0, values.values()), std::vector<float>(9, 1.0f));

  const auto moments = [&](int weight) {
    double sum = 0, squares = 0, fourth = 0;
    for (const double v : table.plain(weight, values.values())) {
      sum += v;
      squares += v * v;
      fourth += v * v * v * v;
    }
    return std::array<double, 3>{sum / 1e4, squares / 1e4, fourth / 1e4};
  };
  // Uniform in [-a, a]: E v^2 = a^2/3, E v^4 = a^4/5.
  // Normal: s^2, 3 s^4. Bounds are four deviations of 10^4 numbers.
  const auto uniform = moments(1), normal = moments(2);
  EXPECT_NEAR(uniform[0], 0, 0.0116);
  EXPECT_NEAR(uniform[1], 0.25 / 3, 0.003);
  EXPECT_NEAR(uniform[2], 0.0625 / 5, 0.00067);
  EXPECT_NEAR(normal[0], 0, 0.08);
  EXPECT_NEAR(normal[1], 4, 0.23);
  EXPECT_NEAR(normal[2], 48, 6.3);
  for (const float v : table.plain(1, values.values())) EXPECT_LE(std::abs(v), 0.5f);
}

TEST(WeightTable, TakesValuesInPlainOrder) {
  WeightTable table;
  table.add({.path = "w", .shape = {2, 3}, .layout = turned()});
  const WeightValues values(table.floats(), 0);
  table.set_plain(0, std::vector<float>{1, 2, 3, 4, 5, 6}, values.values());
  const std::vector<float> stored(values.values().begin(), values.values().begin() + 12);
  EXPECT_EQ(stored, (std::vector<float>{1, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0}));
  EXPECT_EQ(table.plain(0, values.values()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(refusal([&] { table.set_plain(0, std::vector<float>(5), values.values()); }),
            "weight 'w' [2,3] was given 5 values");
}

TEST(WeightTable, PacksFurtherCopies) {
  WeightTable table;
  table.add({.path = "a", .shape = {20}});
  const int weight = table.add({.path = "b", .shape = {2}, .init = {Init::Kind::constant, 3.0}});
  const auto doubled = [](const float* stored, std::byte* packed) {
    for (int i = 0; i < 2; ++i) reinterpret_cast<float*>(packed)[i] = 2 * stored[i];
  };
  table.add({.weight = 0, .key = "none", .bytes = 4, .pack = [](const float*, std::byte*) {}});
  const int copy = table.add({.weight = weight, .key = "doubled", .bytes = 8, .pack = doubled});
  EXPECT_EQ(table.add({.weight = weight, .key = "doubled", .bytes = 8, .pack = doubled}), copy);
  EXPECT_EQ(table.packed()[1].offset, 64u);
  EXPECT_EQ(table.packed_bytes(), 128u);

  const WeightValues values(table.floats(), table.packed_bytes());
  table.initialise(values.values(), 1);
  table.pack(values);
  const float* packed = reinterpret_cast<const float*>(values.packed() + 64);
  EXPECT_EQ(packed[0], 6);
  EXPECT_EQ(packed[1], 6);
}

TEST(WeightTable, RefusesPackedCopiesThatDoNotAgree) {
  WeightTable table;
  table.add({.path = "a", .shape = {2}});
  table.add({.weight = 0, .key = "k", .bytes = 8});
  EXPECT_EQ(refusal([&] { table.add({.weight = 0, .key = "k", .bytes = 16}); }),
            "packed copy 'k' was asked for with two sizes");
  EXPECT_EQ(refusal([&] { table.add({.weight = 1, .key = "k", .bytes = 8}); }),
            "packed copy 'k' of a weight that is not in the table");
}

}  // namespace
}  // namespace dagfusion
