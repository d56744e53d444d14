#include "graph/values/what_of.h"

#include <filesystem>
#include <new>
#include <string>
#include <string_view>

namespace dagfusion {
namespace {

// The library says "filesystem error: cannot rename: Permission denied [a] [b]", or only "status: Permission denied [a]".
std::string words_of(const std::filesystem::filesystem_error& e) {
  const std::string reason = e.code().message();
  std::string_view action = e.std::system_error::what();
  if (const std::size_t at = action.rfind(": " + reason); at != action.npos) action = action.substr(0, at);
  if (const std::size_t at = action.find("cannot "); at != action.npos)
    action = action.substr(at);
  else
    action = "cannot look at";
  std::string words(action);
  if (!e.path1().empty()) words += " '" + e.path1().string() + "'";
  if (!e.path2().empty()) words += " as '" + e.path2().string() + "'";
  return words + ": " + reason;
}

}  // namespace

const char* what_of(const std::exception& e) noexcept {
  if (dynamic_cast<const std::bad_alloc*>(&e)) return "there is not enough memory";
  const auto* of_files = dynamic_cast<const std::filesystem::filesystem_error*>(&e);
  if (!of_files) return e.what();
  try {
    thread_local std::string words;
    words = words_of(*of_files);
    return words.c_str();
  } catch (...) {  // no memory for words of ours
    return e.what();
  }
}

}  // namespace dagfusion
