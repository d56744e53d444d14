// The log of a run as the page draws it, cut into buckets.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "tools/report/csv_table.h"
#include "tools/report/run_data.h"

namespace dagfusion {

// Puts at, curves, extremes and last into `run`.
void add_curves(CsvTable log, const RunDataOptions&, nlohmann::ordered_json& run);

}  // namespace dagfusion
