#include "nodes/files/silence.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string_view>

namespace dagfusion::tests {
namespace {

void write_line(std::string_view text) {
  EXPECT_EQ(::write(STDERR_FILENO, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(Silence, KeepsWhatALibrarySaysAndLosesNoLineOfOthers) {
  testing::internal::CaptureStderr();
  write_line("before\n");
  {
    const Silence silence;
    write_line("./lib/jxl/decode.cc:1182: frame is damaged\nours\n");
    {
      const Silence another;
      write_line("./lib/jxl/de");
    }
    write_line("code.cc:7: no\nand more\n[###..]");
  }
  write_line("after\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "before\nours\nand more\n[###..]after\n");
}

}  // namespace
}  // namespace dagfusion::tests
