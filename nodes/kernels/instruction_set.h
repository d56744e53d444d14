// Which instruction set the kernels run with.
// They choose the best one on their first use; tests try the others.
#pragma once

#include <string>
#include <vector>

namespace dagfusion::kernels {

std::string instruction_set();                // "AVX3" (AVX-512), "AVX2", "SSE4" or "SCALAR"
std::vector<std::string> instruction_sets();  // all that this processor can run, best first

// For tests; not while kernels run on other threads. Throws std::invalid_argument for a name not in the list.
void use_instruction_set(const std::string& name);

}  // namespace dagfusion::kernels
