// nodes/README.md has a table of all node types; this compares it with the catalog.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "graph/types/builtin.h"
#include "nodes/catalog.h"

namespace dagfusion {
namespace {

std::set<std::string> rows_of_the_table() {
  std::ifstream readme(README);
  std::set<std::string> rows;
  for (std::string line; std::getline(readme, line);)
    if (line.starts_with("| `")) rows.insert(line);
  return rows;
}

TEST(Readme, HasARowForEveryNodeTypeAndForNothingElse) {
  std::set<std::string> wanted;
  for (const NodeType& type : catalog().nodes)
    wanted.insert("| `" + type.name + "` | " + type.summary + " |");
  wanted.insert("| `" + run_pipeline().name + "` | " + run_pipeline().summary + " |");
  const std::set<std::string> rows = rows_of_the_table();
  for (const std::string& row : wanted)
    EXPECT_TRUE(rows.contains(row)) << "nodes/README.md lacks the row\n" << row;
  for (const std::string& row : rows)
    EXPECT_TRUE(wanted.contains(row)) << "nodes/README.md has a row too many\n" << row;
}

}  // namespace
}  // namespace dagfusion
