#include "tools/bench/allocations.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

constexpr const char* kLibrary = "libcount_allocations.so";
constexpr const char* kPreload = "LD_PRELOAD";
// What was in LD_PRELOAD before; its presence says that this process is the one that counts.
constexpr const char* kPreloadBefore = "DAGFUSION_PRELOAD_BEFORE";

using Count = std::int64_t (*)();

Count find(const char* name) { return reinterpret_cast<Count>(dlsym(RTLD_DEFAULT, name)); }

Count count_of_all() {
  static const Count count = find("dagfusion_allocations");
  return count;
}

Count count_of_this_thread() {
  static const Count count = find("dagfusion_allocations_of_this_thread");
  return count;
}

// Beside the program where it was built, below lib where it was installed.
fs::path library() {
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& folder : {here, here / "../lib/dagfusion"})
    if (fs::exists(folder / kLibrary, ignored)) return folder / kLibrary;
  return {};
}

std::vector<std::string> arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> all;
  for (std::string one; std::getline(file, one, '\0');) all.push_back(one);
  return all;
}

// Other programs that this one starts are none of its business.
void put_preload_back(const char* before) {
  if (*before)
    setenv(kPreload, before, 1);
  else
    unsetenv(kPreload);
  unsetenv(kPreloadBefore);
}

}  // namespace

void restart_to_count_allocations() {
  if (const char* before = std::getenv(kPreloadBefore)) return put_preload_back(std::string(before).c_str());
  const fs::path counting = library();
  if (counting.empty()) return;
  std::vector<std::string> words = arguments();
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  const char* given = std::getenv(kPreload);
  const std::string before = given ? given : "";
  setenv(kPreloadBefore, before.c_str(), 1);
  setenv(kPreload, (before.empty() ? counting.string() : counting.string() + ":" + before).c_str(), 1);
  execv("/proc/self/exe", argv.data());
  put_preload_back(before.c_str());  // it could not be started anew: then nothing is counted
}

std::int64_t allocations() { return count_of_all() ? count_of_all()() : 0; }
std::int64_t allocations_of_this_thread() { return count_of_this_thread() ? count_of_this_thread()() : 0; }
bool allocations_are_counted() { return count_of_all() != nullptr; }

}  // namespace dagfusion
