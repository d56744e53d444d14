// What a run was made on, for who looks at it later; never compared.
#pragma once

#include <string>

#include "graph/run/run.h"

namespace dagfusion {

// One JSON object: threads, processor, memory, system, versions of the libraries, the time of the start.
std::string machine_facts(const Run&, const std::string& instruction_set);

}  // namespace dagfusion
