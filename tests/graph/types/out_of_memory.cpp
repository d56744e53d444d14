// Settings when memory runs out. This program's operator new fails when a test says so.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "graph/types/parameter.h"

namespace {
constexpr long kNone = -1;
thread_local long until_failure = kNone;  // allocations that still succeed
}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (until_failure != kNone && until_failure-- == 0) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace dagfusion {
namespace {

// How many allocations `work` makes: it is called with the first, the second, ... failing until none fails.
template <class Work>
long allocations_survived(const Work& work) {
  for (long n = 0;; ++n) {
    until_failure = n;
    try {
      work();
      until_failure = kNone;
      return n;
    } catch (const std::bad_alloc&) {
      until_failure = kNone;
    }
  }
}

TEST(Setting, IsCopiedOrThrowsWhateverAllocationFails) {
  const std::string text = "a text that is too long to stand inside a std::string";
  EXPECT_EQ(allocations_survived([one = Setting(text)] { const Setting copy = one; }), 1);
  EXPECT_EQ(allocations_survived([one = Setting(std::vector<double>{1, 2})] { const Setting copy = one; }),
            1);
  EXPECT_EQ(allocations_survived([one = Setting(std::vector{text, text})] { const Setting copy = one; }), 3);
}

TEST(Parameter, IsCopiedOrThrowsWhateverAllocationFails) {
  const std::string text = "a text that is too long to stand inside a std::string";
  const std::vector<Parameter> declared = {
      {.name = text, .kind = Kind::choice, .doc = text, .standard = text, .choices = {text, text}},
      {.name = text, .kind = Kind::texts, .doc = text, .standard = std::vector{text}}};
  EXPECT_GT(allocations_survived([&] { const std::vector<Parameter> copies = declared; }), 10);
}

}  // namespace
}  // namespace dagfusion
