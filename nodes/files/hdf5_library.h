// What libhdf5 itself says of a file; asked in the confined process alone, while the caller holds an Hdf5Lock. All throw
// std::runtime_error with what is wrong, without the file's name.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <vector>

#include "nodes/files/hdf5.h"
#include "nodes/files/hdf5_contents.h"

namespace dagfusion::libhdf5 {

Hdf5Id opened(int descriptor);
std::vector<Hdf5Entry> datasets(hid_t file);  // all that hard links lead to, in the order of their names
std::optional<Hdf5Id> dataset_of(hid_t file, const std::string& name);  // nothing when there is none
Hdf5Dataset described(hid_t dataset);
// One for each place of the grid of chunks, the last side the fastest.
std::vector<Hdf5Chunk> chunks(hid_t dataset, const Shape& shape, const Shape& chunk);
std::optional<std::int64_t> whole_number(hid_t file, const char* attribute);
std::vector<double> reals(hid_t dataset, const char* attribute);  // a few float64; empty when there is none

}  // namespace dagfusion::libhdf5
