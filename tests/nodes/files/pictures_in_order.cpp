#include "nodes/files/pictures_in_order.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/fixtures/picture_files.h"

namespace dagfusion::tests {
namespace {

constexpr int kCount = 43;

// Picture n is one pixel of grey n; some are damaged, cannot be read, or are large.
bool is_damaged(std::int64_t n) { return n % 7 == 5; }
bool is_lost(std::int64_t n) { return n % 11 == 9; }
bool is_large(std::int64_t n) { return n % 9 == 2; }

Bytes file_of(std::int64_t n) {
  if (is_lost(n)) throw std::runtime_error(fmt::format("cannot be read: {}", n));
  const int side = is_large(n) ? 1400 : 1;
  Bytes file = encoded(".png", cv::Mat(side, side, CV_8UC1, cv::Scalar(static_cast<double>(n))));
  if (is_damaged(n)) file.resize(file.size() / 2);
  return file;
}

std::string taken(PicturesInOrder& pictures, std::int64_t n) {
  try {
    DecodingNotes notes;
    const Image image = pictures.take(n, notes);
    return fmt::format("{}x{} of {}", image.height, image.width, image.pixels.front());
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string expected(std::int64_t n) {
  if (is_lost(n)) return fmt::format("cannot be read: {}", n);
  if (is_damaged(n)) return "cannot be decoded: it is damaged, or cut short";
  const int side = is_large(n) ? 1400 : 1;
  return fmt::format("{}x{} of {}", side, side, n);
}

PicturesInOrder::Source source(std::atomic<int>* reads = nullptr) {
  return {.count = kCount,
          .bytes = [](std::int64_t) { return std::uintmax_t{0}; },
          .read =
              [reads](std::int64_t n) {
                if (reads) ++*reads;
                return file_of(n);
              }};
}

TEST(PicturesInOrder, ComeAsEachOfThemAlone) {
  std::atomic<int> reads{0};
  PicturesInOrder pictures(source(&reads), {.channels = 1});
  for (int n = 0; n < kCount; ++n) EXPECT_EQ(taken(pictures, n), expected(n)) << n;
  EXPECT_LE(reads, 2 * kCount);
  EXPECT_GE(reads, kCount);
}

TEST(PicturesInOrder, ComeToManyThreads) {
  for (int round = 0; round < 20; ++round) {
    PicturesInOrder pictures(source(), {.channels = 1});
    std::atomic<int> next{round % 13}, right{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int n; (n = next++) < kCount;) right += taken(pictures, n) == expected(n) ? 1 : 0;
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(right, kCount - round % 13);
  }
}

TEST(PicturesInOrder, ComeAloneWhenTheirFilesAreLarge) {
  PicturesInOrder::Source large = source();
  large.bytes = [](std::int64_t) { return std::uintmax_t{1} << 20; };
  PicturesInOrder pictures(std::move(large), {.channels = 1});
  for (int n = 0; n < kCount; ++n) EXPECT_EQ(taken(pictures, n), expected(n)) << n;
}

}  // namespace
}  // namespace dagfusion::tests
