#include "tools/report/csv_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "nodes/files/durable.h"

namespace dagfusion {

namespace {

double number(std::string_view cell) {
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  const bool whole = error == std::errc() && end == cell.data() + cell.size();
  return whole ? value : std::numeric_limits<double>::quiet_NaN();
}

// Calls f with each cell; returns how many there are.
template <class F>
std::size_t for_each_cell(std::string_view line, const F& f) {
  for (std::size_t n = 0;; ++n) {
    const std::size_t comma = line.find(',');
    f(n, line.substr(0, comma));
    if (comma == line.npos) return n + 1;
    line.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<std::size_t> CsvTable::find(const std::string& column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? std::nullopt : std::optional<std::size_t>(found - columns.begin());
}

CsvTable read_csv(const std::filesystem::path& path, const std::string& key) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30;
  const std::string text = read_text(path, kMostBytes);
  CsvTable table;
  std::string_view rest = text;
  const auto take_line = [&] {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    return line;
  };
  if (rest.empty()) return table;
  for_each_cell(take_line(), [&](std::size_t, std::string_view cell) { table.columns.emplace_back(cell); });
  table.values.resize(table.columns.size());
  const std::size_t known = table.find(key).value_or(0);
  std::vector<double> row(table.columns.size());
  for (std::size_t number_of_line = 2; !rest.empty(); ++number_of_line) {
    const bool last_line_is_cut = rest.find('\n') == rest.npos;
    const std::string_view line = take_line();
    const std::size_t cells = for_each_cell(line, [&](std::size_t n, std::string_view cell) {
      if (n < row.size()) row[n] = number(cell);
    });
    if (cells != row.size() || last_line_is_cut || (!key.empty() && std::isnan(row[known]))) {
      table.left_out.push_back(
          fmt::format("{}:{}: not a whole row, left out", path.filename().string(), number_of_line));
      continue;
    }
    for (std::size_t n = 0; n < row.size(); ++n) table.values[n].push_back(row[n]);
  }
  return table;
}

}  // namespace dagfusion
