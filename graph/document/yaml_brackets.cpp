#include "graph/document/yaml_brackets.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/document/yaml_text.h"

namespace dagfusion {

namespace {

// Whether a value can begin behind these bytes:
// in a plain text a bracket or a quote is a letter like any other.
bool begins_value(std::string_view before, bool in_brackets) {
  const std::size_t last = before.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos || before.substr(last + 1).find('\n') != std::string_view::npos)
    return true;
  const bool spaced = last + 1 < before.size();
  return (in_brackets && std::string_view("[{,:").find(before[last]) != std::string_view::npos) ||
         (spaced && std::string_view(":-?").find(before[last]) != std::string_view::npos);
}

}  // namespace

std::vector<Bracket> open_brackets(std::string_view text, std::size_t end) {
  std::vector<Bracket> open;
  std::size_t line = 1, line_start = 0;
  for (std::size_t i = 0; i < std::min(end, text.size()); ++i) {
    const char c = text[i];
    const bool begins = begins_value(text.substr(line_start, i - line_start), !open.empty());
    if (c == '#' && (i == line_start || text[i - 1] == ' ' || text[i - 1] == '\t')) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '\n') {
      ++line;
      line_start = i + 1;
    } else if ((c == '"' || c == '\'') && begins) {
      const std::size_t behind = end_of_quoted(text, i);
      if (behind == std::string_view::npos) return open;
      for (; i + 1 < behind; ++i)
        if (text[i] == '\n') line_start = (++line, i + 1);
    } else if ((c == '[' || c == '{') && (begins || !open.empty())) {
      open.push_back({c, i, line, i - line_start + 1});
    } else if (!open.empty() && c == closing(open.back())) {
      open.pop_back();
    }
  }
  return open;
}

char closing(const Bracket& b) { return b.mark == '[' ? ']' : '}'; }

std::string in_words(const Bracket& b) {
  return fmt::format("the '{}' of line {}, column {}", b.mark, b.line, b.column);
}

}  // namespace dagfusion
