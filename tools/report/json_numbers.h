// Numbers as the pages get them: what is not finite is null.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace dagfusion {

nlohmann::ordered_json json_number(double);
nlohmann::ordered_json json_numbers(const std::vector<double>&);

double rounded_for_a_page(double);  // a mean of many values, in as many digits as can be seen

}  // namespace dagfusion
