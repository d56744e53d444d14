#include "tools/show/terminal.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "tools/show/words.h"

namespace dagfusion {

namespace {

constexpr std::size_t kLeastRoom =
    20;  // characters: a column that is narrower than this is no column to read

// Where the lines that follow begin.
std::size_t indent_of(const std::string& line, std::size_t columns) {
  const std::size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t gap = line.rfind("  ");
  if (gap != std::string::npos && gap > begin) {
    const std::size_t column = characters(std::string_view(line).substr(0, gap + 2));
    if (column + kLeastRoom <= columns) return column;
  }
  return begin + 2;
}

std::string wrapped_line(const std::string& line, std::size_t columns) {
  if (characters(line) <= columns) return line;
  const std::string indent(indent_of(line, columns), ' ');
  std::string text, now;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t word = std::min(line.find_first_not_of(' ', at), line.size());
    const std::size_t end = std::min(line.find(' ', word), line.size());
    const std::string next = line.substr(at, end - at);  // with the spaces before it
    if (characters(now + next) > columns && now.find_first_not_of(' ') != std::string::npos) {
      text += now + '\n';
      now = indent + line.substr(word, end - word);
    } else {
      now += next;
    }
    at = end;
  }
  return text + now;
}

}  // namespace

std::optional<int> columns_of(int file) {
  winsize size{};
  if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* given = std::getenv("COLUMNS");
  const int columns = given ? std::atoi(given) : 0;
  return columns > 0 ? std::optional(columns) : std::nullopt;
}

std::string wrapped(const std::string& text, int columns) {
  std::istringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);)
    all += wrapped_line(line, static_cast<std::size_t>(columns)) + '\n';
  return all;
}

}  // namespace dagfusion
