// A CSV file of numbers by columns, as a run writes it: metrics.csv, times.csv, what measures write. A run may be writing
// it, or have been killed in the middle of a line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dagfusion {

struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<double>> values;  // by column, then row; nan where a cell is empty or no number
  std::vector<std::string> left_out;        // a line for each row that is not whole: "metrics.csv:12: …"

  std::size_t rows() const { return values.empty() ? 0 : values.front().size(); }
  std::optional<std::size_t> find(const std::string& column) const;
};

// `key`: a column that holds a number in every whole row; "" = none. Throws std::runtime_error.
CsvTable read_csv(const std::filesystem::path&, const std::string& key = "");

}  // namespace dagfusion
