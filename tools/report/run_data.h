// All that a page shows of one run, as JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "graph/plan/plan.h"

namespace dagfusion {

struct RunDataOptions {
  std::size_t most_points = 0;         // of a curve
  std::size_t most_numbers = 0;        // of all curves together
  std::size_t most_picture_bytes = 0;  // of all pictures together
};

// Of what is known of the pipeline besides the files of its run: null where it is not.
struct PipelineView {
  const Planned* planned = nullptr;
  std::shared_ptr<Resource> noise;
  std::string missing;  // why there is none of it
  bool over = false;    // this process is in the run, and has done what there was to do
};

nlohmann::ordered_json run_data(const std::filesystem::path& run, const PipelineView&, const RunDataOptions&);

}  // namespace dagfusion
