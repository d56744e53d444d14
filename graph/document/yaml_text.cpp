#include "graph/document/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/document/yaml_brackets.h"

namespace dagfusion {

namespace {

// Length of the UTF-8 character at the front of `text`; 0 when it is none.
std::size_t character_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned lead = byte(0);
  std::size_t length = lead < 0x80 ? 1 : lead >= 0xC2 && lead < 0xE0 ? 2 : (lead >> 4) == 0xE ? 3 : 4;
  if (lead > 0xF4 || (lead >= 0x80 && lead < 0xC2)) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  bool surrogate = lead == 0xED && byte(1) > 0x9F, beyond = lead == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

// yaml-cpp guesses encodings and takes some control characters for the end of the file: it gets to see text
// alone. Its scanner keeps every bracket that is open, so a file of nothing but brackets is refused here.
void check_text(std::string_view text, const std::string& file) {
  Position here{file, 1, 1};
  int brackets = 0;
  for (std::size_t i = 0; i < text.size();) {
    auto c = static_cast<unsigned char>(text[i]);
    std::size_t length = character_length(text.substr(i));
    if (length == 0)
      throw UserError(here, fmt::format("byte 0x{:02x} is not UTF-8; save the file as UTF-8 text", c));
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F)
      throw UserError(here, fmt::format("control character 0x{:02x}; expected UTF-8 text", c));
    brackets += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (brackets > 1000)
      throw UserError(here, fmt::format("nesting is over {} levels deep; check the brackets", most_levels));
    i += length;
    here.column += static_cast<int>(length);
    if (c == '\n') here = {file, here.line + 1, 1};
  }
}

std::string_view line_of(std::string_view text, int line) {
  for (int i = 0; i < line && !text.empty(); ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

std::string explain_syntax_error(const std::string& said, std::string_view text, std::size_t at,
                                 Position& where) {
  const std::string_view line = line_of(text, where.line - 1);
  const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
  if (tab != std::string_view::npos) {
    where.column = static_cast<int>(tab) + 1;
    return "a tab in the indentation; indent with spaces";
  }
  struct Meaning {
    std::string_view said, means;
  };
  static constexpr std::array meanings = {
      Meaning{"end of map not found", "expected 'key: value' here, indented like the keys above it"},
      Meaning{"end of sequence not found", "expected '- item' here, indented like the items above it"},
      Meaning{"illegal map value",
              "':' is not expected here; check the indentation and the line above, and quote a text with ': "
              "' in it"},
      Meaning{"illegal map key", "'?' is not expected here; quote a text that starts with '? '"},
      Meaning{"illegal block entry",
              "'- ' is not expected here; start a list in a line of its own, or quote the text"},
      Meaning{"illegal flow end",
              "a bracket is closed that was never opened; leave it out, or quote the text"},
      Meaning{"illegal EOF in scalar", "a quoted text is not closed; add the missing quote"},
      Meaning{"illegal document indicator in scalar", "a quoted text is not closed; add the missing quote"},
      Meaning{"unexpected character in block scalar",
              "only '-', '+' or a digit can follow '|' or '>'; quote a text that starts so"},
      Meaning{"bad character found while scanning hex number",
              "wrong hexadecimal digits behind '\\x' or '\\u'; write '\\\\' for a backslash"},
      Meaning{"unknown token", "a text cannot start with this character; quote it"},
      Meaning{"the referenced anchor is not defined",
              "aliases (*name) are not allowed; use a variable below 'vars', or quote the text"},
      Meaning{"alias not found after *", "a text cannot start with '*'; quote it"},
      Meaning{"anchor not found after &", "a text cannot start with '&'; quote it"},
  };
  bool in_brackets = said.find("flow not found") != std::string::npos;
  if (in_brackets && line.find("${") != std::string_view::npos)
    return "inside brackets a variable stands in quotes: \"${name}\"";
  const std::vector<Bracket> open = open_brackets(text, at);
  if (in_brackets && !open.empty() && at >= text.size()) {
    where.line = static_cast<int>(open.back().line);
    where.column = static_cast<int>(open.back().column);
    return fmt::format("'{}' is never closed; expected '{}'", open.back().mark, closing(open.back()));
  }
  if (in_brackets && !open.empty())
    return fmt::format("{} is still open here; expected ',' or '{}'", in_words(open.back()),
                       closing(open.back()));
  if (said.starts_with("illegal flow end") && !open.empty())
    return fmt::format("'{}' does not close {}; expected '{}'", text[std::min(at, text.size() - 1)],
                       in_words(open.back()), closing(open.back()));
  for (const Meaning& m : meanings)
    if (said.starts_with(m.said)) return std::string(m.means);
  if (said.starts_with("unknown escape character"))
    return said + "; write '\\\\' for a backslash, or use single quotes";
  return fmt::format("not YAML ({}); check quotes, brackets and indentation", said);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_null_word(std::string_view text) {
  return text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::size_t end_of_quoted(std::string_view text, std::size_t start) {
  char quote = text[start];
  for (std::size_t i = start + 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text[i] == quote) {
      bool doubled = quote == '\'' && text.substr(i + 1).starts_with(quote);
      if (!doubled) return i + 1;
      ++i;
    }
  }
  return std::string_view::npos;
}

}  // namespace dagfusion
