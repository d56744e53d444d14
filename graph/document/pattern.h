// Path patterns: "*" stands for anything within one part of a path, "**" for any number of parts.
#pragma once

#include <cstddef>
#include <string_view>

namespace dagfusion {

constexpr bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.empty()) return path.empty();
  if (pattern.substr(0, 2) == "**") {
    std::string_view rest = pattern.substr(2);
    if (!rest.empty() && rest[0] == '/' && matches(rest.substr(1), path)) return true;
    for (std::size_t i = 0; i <= path.size(); ++i)
      if (matches(rest, path.substr(i))) return true;
    return false;
  }
  if (pattern[0] == '*') {
    for (std::size_t i = 0; i <= path.size(); ++i) {
      if (matches(pattern.substr(1), path.substr(i))) return true;
      if (i < path.size() && path[i] == '/') return false;
    }
    return false;
  }
  return !path.empty() && pattern[0] == path[0] && matches(pattern.substr(1), path.substr(1));
}

}  // namespace dagfusion
