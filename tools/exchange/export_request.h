// What every export begins with.
#pragma once

#include <filesystem>
#include <string>

#include "graph/document/document.h"
#include "nodes/files/checkpoint_files.h"

namespace dagfusion {

struct ExportRequest {
  std::filesystem::path checkpoint;  // or a run directory
  std::filesystem::path folder;      // new, or empty
  std::string weights;               // "live", or the path of a weight_average; "" = ema where there is one
};

// Throw UserError.
void require_new_file(const std::filesystem::path&);
const Tree& model_section(const CheckpointFacts&);

}  // namespace dagfusion
