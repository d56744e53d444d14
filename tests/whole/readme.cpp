// nodes/README.md has the table of all node types that `run-pipeline nodes --markdown` prints.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "nodes/catalog.h"
#include "tools/show/description.h"

namespace dagfusion {
namespace {

std::vector<std::string> lines_of(std::istream& text) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> wanted_table() {
  std::istringstream table(markdown_table(all_types(catalog())));
  return lines_of(table);
}

// The lines of the README from the table's first one to its last.
std::vector<std::string> table_of_the_readme(const std::string& first_line) {
  std::ifstream readme(README);
  const std::vector<std::string> lines = lines_of(readme);
  const auto begin = std::find(lines.begin(), lines.end(), first_line);
  return {begin, std::find(begin, lines.end(), "")};
}

TEST(Readme, HasTheTableOfAllNodeTypes) {
  const std::vector<std::string> wanted = wanted_table(), there = table_of_the_readme(wanted.front());
  const auto has = [](const std::vector<std::string>& lines, const std::string& line) {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  };
  for (std::size_t i = 1; i < wanted.size(); ++i)
    EXPECT_TRUE(has(there, wanted[i])) << "nodes/README.md lacks the row\n"
                                       << wanted[i] << "\nbelow\n"
                                       << wanted[i - 1];
  for (const std::string& line : there)
    EXPECT_TRUE(has(wanted, line)) << "nodes/README.md has a row too many\n" << line;
  if (!HasFailure()) {
    EXPECT_EQ(there, wanted) << "another order than that of `run-pipeline nodes --markdown`";
  }
}

}  // namespace
}  // namespace dagfusion
