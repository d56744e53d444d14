// The weights that are part of the program: of a small network that knows drawn digits
// (digits.safetensors, trained by tests/classifier/train_digit_features.py).
#pragma once

#include <memory>

#include "nodes/files/tensor_file.h"

namespace dagfusion {

std::shared_ptr<TensorFile> built_in_weights();
std::uint32_t built_in_checksum();  // CRC32C of the file

}  // namespace dagfusion
