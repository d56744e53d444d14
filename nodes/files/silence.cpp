#include "nodes/files/silence.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <string>
#include <string_view>

namespace dagfusion {
namespace {

constexpr std::string_view kLibrary = "./lib/jxl/";

std::mutex mutex;
int living = 0;
int kept = -1;   // standard error as it was
int taken = -1;  // what is written in its place meanwhile
off_t passed = 0;
std::string begun;  // a line whose end has not come

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t some = ::write(kept, text.data(), text.size());
    if (some <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(some));
  }
}

// Whole lines, and at the end the rest.
void pass_on(bool at_end) {
  std::array<char, 4096> bytes;
  for (ssize_t got; (got = ::pread(taken, bytes.data(), bytes.size(), passed)) > 0; passed += got)
    begun.append(bytes.data(), static_cast<std::size_t>(got));
  std::string others;
  std::size_t from = 0;
  for (std::size_t end; (end = begun.find('\n', from)) != std::string::npos; from = end + 1)
    if (const std::string_view line(begun.data() + from, end + 1 - from); !line.starts_with(kLibrary))
      others += line;
  begun.erase(0, from);
  // What is moved about in one line, as a bar is, has no end to wait for.
  if (at_end && !begun.starts_with(kLibrary)) others += begun;
  if (at_end) begun.clear();
  write_all(others);
}

}  // namespace

Silence::Silence() {
  const std::lock_guard lock(mutex);
  if (living++ > 0) return;
  taken = ::memfd_create("standard error", MFD_CLOEXEC);
  kept = taken < 0 ? -1 : ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  passed = 0;
  if (kept >= 0) {
    ::fcntl(taken, F_SETFL, O_APPEND);
    ::dup2(taken, STDERR_FILENO);
  }
}

Silence::~Silence() {
  const std::lock_guard lock(mutex);
  const bool last = --living == 0;
  if (last && kept >= 0) ::dup2(kept, STDERR_FILENO);
  if (kept >= 0) pass_on(last);
  if (!last) return;
  if (kept >= 0) ::close(kept);
  if (taken >= 0) ::close(taken);
  kept = taken = -1;
}

}  // namespace dagfusion
