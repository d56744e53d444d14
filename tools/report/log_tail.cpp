#include "tools/report/log_tail.h"

#include <charconv>
#include <cmath>
#include <fstream>

namespace dagfusion {

namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) c == ',' ? void(cells.emplace_back()) : cells.back().push_back(c);
  return cells;
}

}  // namespace

const std::vector<LoggedLoss>& LogTail::read() {
  std::error_code none;
  const std::uintmax_t size = std::filesystem::file_size(path_, none);
  if (none) return losses_;
  if (size < read_) *this = LogTail(path_);
  std::ifstream file(path_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(read_));
  std::string text(size - read_, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  read_ += text.size();
  rest_ += text;
  std::size_t begin = 0;
  for (std::size_t end; (end = rest_.find('\n', begin)) != rest_.npos; begin = end + 1)
    take(rest_.substr(begin, end - begin));
  rest_.erase(0, begin);
  return losses_;
}

void LogTail::take(const std::string& line) {
  std::vector<std::string> cells = cells_of(line);
  if (columns_.empty()) {
    columns_ = std::move(cells);
    return;
  }
  if (cells.size() != columns_.size()) return;
  LoggedLoss logged{.loss = NAN};
  for (std::size_t i = 0; i < cells.size(); ++i) {
    double value = 0;
    if (std::from_chars(cells[i].data(), cells[i].data() + cells[i].size(), value).ec != std::errc())
      continue;
    if (columns_[i] == "step") logged.step = value;
    if (columns_[i] == "seconds") logged.seconds = value;
    if (columns_[i] == "loss") logged.loss = value;
  }
  if (std::isfinite(logged.loss)) losses_.push_back(logged);
}

}  // namespace dagfusion
