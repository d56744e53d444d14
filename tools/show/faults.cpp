#include "tools/show/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/show/words.h"

namespace dagfusion {

namespace {

constexpr std::size_t kWidest = 100;      // bytes of a line that are shown
constexpr std::size_t kLongestHint = 60;  // one that is longer stands above only

bool steers_the_terminal(unsigned char c) { return c < 0x20 || c == 0x7F; }

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }  // of UTF-8

std::optional<std::string> line_of(const Position& where) {
  if (!where.text.empty()) return where.text;
  if (where.line == 0) return std::nullopt;
  std::ifstream file(where.file);
  std::string line;
  for (int n = 0; n < where.line; ++n)
    if (!std::getline(file, line)) return std::nullopt;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (where.line == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
  return line;
}

// How many bytes from `at` on belong to what stands there: a quoted text, a word, or one bracket.
std::size_t length_at(const std::string& line, std::size_t at) {
  if (at >= line.size()) return 1;
  const char first = line[at];
  std::size_t end = std::string::npos;
  if (first == '"' || first == '\'') {
    end = line.find(first, at + 1);
    if (end != std::string::npos) ++end;
  } else {
    end = line.find_first_of(" \t,:{}[]#=", at);
  }
  end = std::min(end, line.size());
  return std::max<std::size_t>(end - at, 1);
}

// What would be right: the message says it behind its last semicolon that does not stand in parentheses.
std::string suggestion_of(const std::string& message) {
  int depth = 0;
  for (std::size_t at = message.size(); at-- > 0;) {
    depth += (message[at] == ')') - (message[at] == '(');
    if (depth == 0 && message.compare(at, 2, "; ") == 0) return message.substr(at + 2);
  }
  return "";
}

// The part of a long line around the place, whole characters of UTF-8.
void shorten(std::string& line, std::size_t& at, std::size_t length) {
  if (characters(line) <= kWidest) return;
  std::size_t begin = 0, end = line.size();
  const auto forward = [&](std::size_t& p) {
    do ++p;
    while (p < line.size() && !begins_character(line[p]));
  };
  const auto back = [&](std::size_t& p) {
    do --p;
    while (p > 0 && !begins_character(line[p]));
  };
  while (begin + kWidest / 2 < at) forward(begin);
  while (end > begin + kWidest && end > at + std::min(length, kWidest / 2)) back(end);
  const std::string left = begin > 0 ? "…" : "", right = end < line.size() ? "…" : "";
  at = at - begin + left.size();
  line = left + line.substr(begin, end - begin) + right;
}

std::string excerpt(const Fault& fault) {
  std::optional<std::string> line = line_of(fault.where);
  if (!line) return "";
  while (!line->empty() && line->back() == '\r') line->pop_back();
  std::replace_if(line->begin(), line->end(), steers_the_terminal, ' ');
  std::size_t at = static_cast<std::size_t>(std::max(fault.where.column, 1)) - 1;
  if (at > line->size()) at = line->size();
  const std::size_t length = length_at(*line, at);
  shorten(*line, at, length);
  const std::string number = fault.where.line > 0 ? std::to_string(fault.where.line) : "";
  const std::string margin(number.size(), ' ');
  const std::string hint = suggestion_of(fault.message);
  return fmt::format("\n  {} | {}\n  {} | {}{}{}", number, *line, margin,
                     std::string(characters(line->substr(0, at)), ' '),
                     std::string(std::max<std::size_t>(characters(line->substr(at, length)), 1), '^'),
                     hint.empty() || hint.size() > kLongestHint ? "" : " " + hint);
}

}  // namespace

std::string faults_text(const UserError& error) {
  std::string text;
  for (const Fault& fault : error.faults()) {
    if (!text.empty()) text += '\n';
    if (!fault.where.file.empty()) text += to_string(fault.where) + ": ";
    text += fault.message + excerpt(fault);
    if (!fault.where.origin.empty()) text += "\n  = " + fault.where.origin;
  }
  return text;
}

nlohmann::ordered_json faults_json(const UserError& error) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Fault& fault : error.faults()) {
    nlohmann::ordered_json one = {{"file", fault.where.file},
                                  {"line", fault.where.line},
                                  {"column", fault.where.column},
                                  {"message", fault.message}};
    if (const std::string hint = suggestion_of(fault.message); !hint.empty()) one["suggestion"] = hint;
    if (!fault.where.text.empty()) one["override"] = fault.where.text;
    if (!fault.where.origin.empty()) one["origin"] = fault.where.origin;
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace dagfusion
