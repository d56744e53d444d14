// The labels beside the images of an HDF5 file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nodes/files/hdf5_file.h"

namespace dagfusion {

struct ImageLabels {
  std::vector<std::int32_t> labels = {};      // of each image; empty: there are none
  std::vector<std::string> class_names = {};  // by label; empty: it knows no names
};

// Those of `images`, `count` together: by their groups, or of the dataset `label_key` beside them, of which the usual names are
// found; "none": there are none. Whole numbers, texts, or one-hot rows. Throws std::runtime_error that starts with the file's name.
ImageLabels read_image_labels(const std::shared_ptr<const Hdf5File>&, std::span<const Hdf5Rows> images,
                              std::int64_t count, const std::string& label_key);

// Of a small dataset, all rows. One whole number for each of `count` images, from least to most.
std::vector<std::int64_t> whole_numbers(const Hdf5File&, const Hdf5Rows&, std::int64_t count,
                                        std::int64_t least, std::int64_t most);
std::vector<std::string> texts(const Hdf5File&, const Hdf5Rows&);

}  // namespace dagfusion
