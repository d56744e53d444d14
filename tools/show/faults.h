// Faults as people and as programs read them. Under the line that says what is wrong stand the line
// of the file it is about, a mark below the place, and where the value came from when it did not stand there.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "graph/document/fault.h"

namespace dagfusion {

std::string faults_text(const UserError&);             // ends without a line break
nlohmann::ordered_json faults_json(const UserError&);  // [{file, line, column, message, suggestion?, …}]

}  // namespace dagfusion
