// Event files byte by byte, as TensorBoard's own writer makes them.
#include "nodes/files/event_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/fixtures/events.h"
#include "tests/fixtures/scratch_folder.h"

namespace dagfusion::tests {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

TEST(EventFile, BeginsAsThoseOfTensorFlow) {
  EXPECT_EQ(hex(record_of(version_event(0))),
            "1800000000000000a37f4b220900000000000000001a0d627261696e2e4576656e743a32eedf28a3");
}

// wall_time 1.5 and step 300 = 0xac 0x02 as a varint, then summary { value { tag: "loss" simple_value: 0.5 } }.
TEST(EventFile, WritesScalars) {
  EXPECT_EQ(hex(scalars_event({1.5, 300}, {{"loss", 0.5f}})),
            "09"
            "000000000000f83f"
            "10"
            "ac02"
            "2a0d"
            "0a0b"
            "0a04"
            "6c6f7373"
            "15"
            "0000003f");
}

TEST(EventFile, SaysFromWhereARunGoesOn) {
  EXPECT_EQ(hex(restart_event({0, 7})),
            "0900000000000000001007"
            "3a02"
            "0801");
}

TEST(EventFile, CountsHistogramsInBucketsOfTensorFlow) {
  const std::vector<float> values = {-1, 0, 0, 0.5f, 2, NAN, INFINITY};
  const ReadHistogram read = histogram_in(histogram_event({0, 1}, "w", values));
  EXPECT_EQ(read.tag, "w");
  EXPECT_EQ(read.numbers,
            (std::vector<double>{-1, 2, 5, 1.5, 5.25}));  // least, most, count, sum, sum of squares
  double count = 0;
  ASSERT_EQ(read.limits.size(), read.counts.size());
  for (std::size_t i = 0; i < read.limits.size(); ++i) {
    count += read.counts[i];
    if (i > 0) {
      EXPECT_LT(read.limits[i - 1], read.limits[i]);
    }
    if (read.counts[i] == 2) {
      EXPECT_EQ(read.limits[i], 1e-12);  // zeros lie below the first positive limit
    }
  }
  EXPECT_EQ(count, 5);
}

TEST(EventFile, TakesNothingButPngForPictures) { EXPECT_EQ(picture_event({0, 1}, "samples", "GIF89a"), ""); }

TEST(EventFile, NamesTheFileThatCannotBeWritten) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder.path() / "t");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
  EventFile file(folder.path() / "t", 0);
  EXPECT_EQ(events_below(folder.path() / "t").size(), 1u);
  try {
    EventFile(folder.path() / "t" / std::string(300, 'x'), 0);
    FAIL();
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find("File name too long"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace dagfusion::tests
