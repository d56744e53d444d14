// What users read of exceptions that libraries throw.
#include "graph/values/what_of.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>

namespace dagfusion {
namespace {

namespace fs = std::filesystem;

std::string words(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& e) {
    return what_of(e);
  }
  return "nothing was thrown";
}

TEST(WhatOf, NamesTheFileThatTheSystemRefuses) {
  EXPECT_EQ(words([] { fs::create_directories("/dev/null/a/b"); }),
            "cannot create directories '/dev/null/a/b': Not a directory");
  EXPECT_EQ(words([] { fs::rename("/nothing/a", "/nothing/b"); }),
            "cannot rename '/nothing/a' as '/nothing/b': No such file or directory");
  EXPECT_EQ(words([] { fs::directory_iterator entries("/nothing"); }),
            "cannot open directory '/nothing': No such file or directory");
  EXPECT_EQ(words([] { return fs::exists(std::string(5000, 'a')); }),
            "cannot look at '" + std::string(5000, 'a') + "': File name too long");
}

TEST(WhatOf, SaysThatMemoryIsMissing) {
  EXPECT_EQ(words([] { throw std::bad_alloc(); }), "there is not enough memory");
}

TEST(WhatOf, LeavesOurOwnWordsAlone) {
  EXPECT_EQ(words([] { throw std::runtime_error("the loss is not finite"); }), "the loss is not finite");
}

}  // namespace
}  // namespace dagfusion
