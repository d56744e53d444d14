// What is written, as wide as the terminal is.
#pragma once

#include <optional>
#include <string>

namespace dagfusion {

// Of the terminal behind this file descriptor; else what COLUMNS says; nothing: as wide as one likes.
std::optional<int> columns_of(int file);

// Lines longer than `columns` go on in further lines, below the last column of a table (what stands behind two spaces),
// else two spaces further in than they began.
std::string wrapped(const std::string& text, int columns);

}  // namespace dagfusion
