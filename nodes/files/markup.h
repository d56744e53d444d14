// Text as HTML and SVG show it.
#pragma once

#include <string>
#include <string_view>

namespace dagfusion {

inline std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '&'   ? "&amp;"
           : c == '<' ? "&lt;"
           : c == '>' ? "&gt;"
           : c == '"' ? "&quot;"
                      : std::string(1, c);
  return out;
}

}  // namespace dagfusion
