#include "nodes/measures/frechet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "nodes/files/npz.h"
#include "tests/fixtures/one_node.h"
#include "tests/fixtures/scratch_folder.h"
#include "tests/fixtures/zip_files.h"

namespace dagfusion::tests {
namespace {

// C1 = [[2,.5],[.5,1]], C2 = [[1,-.3],[-.3,1.5]], means (1,-1) apart: by hand, tr sqrt(C1 C2) = sqrt(tr + 2 sqrt(det)),
// where tr C1 C2 = 3.2 and det C1 C2 = 1.75 * 1.41: 2.518264405.
TEST(Frechet, IsTheDistanceOfTwoGaussians) {
  const FeatureStatistics a = statistics_of({0, 0}, {2, 0.5, 0.5, 1});
  const FeatureStatistics b = statistics_of({1, -1}, {1, -0.3, -0.3, 1.5});
  EXPECT_NEAR(frechet_distance(a, b), 2.46347119, 1e-8);
  EXPECT_NEAR(frechet_distance(b, a), 2.46347119, 1e-8);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-12);
}

Features drawn(std::size_t count, std::size_t size, std::uint64_t seed) {
  const Plain values = gaussian({static_cast<std::int64_t>(count), static_cast<std::int64_t>(size)}, seed);
  return {.size = size, .values = values.values};
}

// Fewer images than features: the covariance has no inverse, and a square root of the product of two such need not be
// real. The factors are the images themselves then, and a covariance in a file must give the same.
TEST(Frechet, IsTheSameFromImagesAndFromTheirCovariance) {
  const Features few = drawn(10, 24, 1), others = drawn(12, 24, 2), many = drawn(100, 24, 3);
  for (const Features* features : {&others, &many}) {
    const FeatureStatistics a = statistics_of(few), b = statistics_of(*features);
    const FeatureStatistics c = statistics_of(b.mean, covariance_of(b));
    EXPECT_NEAR(frechet_distance(a, b) / frechet_distance(a, c), 1, 1e-9);
  }
}

// Twice as wide in every direction: tr C + tr 4C - 2 tr 2C = tr C.
TEST(Frechet, OfTwiceTheDeviationIsTheVariance) {
  const Features narrow = drawn(50, 8, 4);
  FeatureStatistics wide = statistics_of(narrow);
  double variance = 0;
  for (double& v : wide.factor) {
    variance += v * v;
    v *= 2;
  }
  EXPECT_NEAR(frechet_distance(statistics_of(narrow), wide), variance, 1e-10 * variance);
}

// 12 from 5,000 images and 9 from 10,000 lie on a line in 1/images that ends at 6.
TEST(Frechet, IsExtrapolatedAlongAStraightLine) {
  EXPECT_NEAR(line_at_zero({1 / 5000.0, 1 / 10000.0}, {12, 9}), 6, 1e-9);
}

TEST(Frechet, StatisticsComeBackFromTheirFile) {
  const ScratchFolder folder;
  const FeatureStatistics written = statistics_of(drawn(40, 6, 5));
  write_statistics(folder.path() / "real.npz", written);
  const FeatureStatistics read = read_statistics(folder.path() / "real.npz");
  EXPECT_EQ(read.mean, written.mean);
  const std::vector<double> before = covariance_of(written), after = covariance_of(read);
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(before[i], after[i], 1e-15 * 10);
}

TEST(Frechet, RefusesAFileOfOtherThings) {
  const ScratchFolder folder;
  const std::filesystem::path path = folder.path() / "real.npz";
  const std::vector<double> values(6, 1.0);
  write_npz(path, {{"mu", {2}, std::span(values).first(2)}, {"sigma", {2, 3}, values}});
  try {
    read_statistics(path);
    ADD_FAILURE();
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(error.what(), "'" + path.string() + "' holds mu [2] and sigma [2,3]; they are [F] and [F,F]");
  }
}

}  // namespace
}  // namespace dagfusion::tests
