// What a bench tells: text for people, one JSON object for programs.
#pragma once

#include <optional>

#include "tools/bench_measure.h"

namespace dagfusion {

void say_measurement(const Measurement&);
void say_scaling(const Measurement& one_thread, const Measurement& all);

// `one_thread`: the same pipeline, where the scaling was measured.
std::string measurement_json(const Measurement&, const std::optional<Measurement>& one_thread);

}  // namespace dagfusion
