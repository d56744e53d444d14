#include "tools/show/manual.h"

#include <fmt/format.h>

#include <sstream>

namespace dagfusion {

namespace {

// The character that begins at `at`, which is moved to its last byte.
unsigned code_point(const std::string& text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
  unsigned code = more == 0 ? first : first & (0x3Fu >> more);
  for (int i = 0; i < more && at + 1 < text.size(); ++i)
    code = code << 6 | (static_cast<unsigned char>(text[++at]) & 0x3F);
  return code;
}

}  // namespace

std::string roff(const std::string& text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins_line = at == 0 || text[at - 1] == '\n';
    if (begins_line && (text[at] == '.' || text[at] == '\'')) made += "\\&";
    const unsigned code = code_point(text, at);
    if (code >= 0x80)
      made += fmt::format("\\[u{:04X}]", code);
    else if (code == '\\')
      made += "\\e";
    else if (code == '-')
      made += "\\-";
    else if (code == '\'')
      made += "\\(aq";
    else if (code == '~')
      made += "\\(ti";
    else
      made += static_cast<char>(code);
  }
  return made;
}

std::string roff_options(const std::string& help) {
  std::istringstream lines(help);
  std::string made;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "Positionals:" || line == "Options:") {
      inside = true;
      continue;
    }
    const std::size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || begin == 0) inside = false;
    if (!inside || line.starts_with("  -h,--help ")) continue;
    const std::size_t gap = begin > 2 ? begin : line.find("  ", begin);  // far right: only what it is for
    if (begin == 2) made += fmt::format(".TP\n.B {}\n", roff(line.substr(begin, gap - begin)));
    if (gap != std::string::npos) made += roff(line.substr(line.find_first_not_of(' ', gap))) + "\n";
  }
  return made;
}

}  // namespace dagfusion
