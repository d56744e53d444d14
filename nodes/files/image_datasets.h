// Which datasets of an HDF5 file hold images.
#pragma once

#include <string>
#include <vector>

#include "nodes/files/hdf5_file.h"

namespace dagfusion {

struct ImageDatasets {
  std::vector<std::string> keys = {};   // one; several when groups are classes, or each is an image
  bool one_each = false;                // each is one image
  std::vector<std::string> names = {};  // of the images, where they come one each
};

// key: the dataset, or a group that holds it; empty: the only ones that can be images. What is none, and what is not clear, is
// refused with what there is. Throws std::runtime_error that starts with the file's name.
ImageDatasets find_image_datasets(const Hdf5File&, const std::string& key);

std::string with_slash(const std::string& key);     // "images" -> "/images"
std::string group_of(const std::string& name);      // "/cat/images" -> "/cat"
std::string last_part_of(const std::string& name);  // "/cat/images" -> "images"

}  // namespace dagfusion
