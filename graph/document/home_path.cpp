#include "graph/document/home_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "graph/document/number.h"

namespace dagfusion {

namespace {

// "~name" or "$NAME" in front of the first slash.
bool is_name(const std::string& text) {
  return text.size() > 1 && std::all_of(text.begin() + 1, text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '-';
         });
}

std::string home(const std::string& text, const Position& where) {
  const char* directory = std::getenv("HOME");
  if (directory && *directory) return directory;
  throw UserError(where, fmt::format("{} is in the home directory, but HOME is not set; write the whole path",
                                     shown(text)));
}

}  // namespace

std::string with_home(const std::string& text, const Position& where) {
  const std::size_t slash = text.find('/');
  const std::string first = text.substr(0, slash);
  if (first == "~") return home(text, where) + text.substr(1);
  if (slash == std::string::npos || !is_name(first)) return text;
  if (first[0] == '~')
    throw UserError(where, fmt::format("{} is in the home directory of another user, which only a shell "
                                       "knows; write the whole path",
                                       shown(text)));
  if (first[0] == '$')
    throw UserError(where, fmt::format("{} begins with a variable of the shell, and no shell reads it here; "
                                       "write ~/ for the home directory, or the whole path",
                                       shown(text)));
  return text;
}

}  // namespace dagfusion
