// What a bench reports: text for people, one JSON object for programs.
#pragma once

#include <optional>

#include "tools/bench/scaling.h"

namespace dagfusion {

void say_measurement(const Measurement&);
void say_scaling(const Scaling&);

std::string measurement_json(const Measurement&, const std::optional<Scaling>&);

}  // namespace dagfusion
