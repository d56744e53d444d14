#include "tools/launch/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "graph/document/fault.h"
#include "nodes/kernels/instruction_set.h"

namespace dagfusion {

void limit_instruction_set() {
  constexpr const char* kVariable = "DAGFUSION_INSTRUCTION_SET";
  const char* wanted = std::getenv(kVariable);
  if (!wanted || !*wanted) return;
  const std::string name = wanted;
  if (name != "avx2")
    throw UserError({}, std::string(kVariable) + " is '" + name +
                            "': it can be avx2, or not set, for the best that the processor has");
  const auto sets = kernels::instruction_sets();
  if (std::ranges::find(sets, "AVX2") == sets.end())
    throw UserError({}, std::string(kVariable) + " is 'avx2', which this processor has not");
  kernels::use_instruction_set("AVX2");
  dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx2);
}

}  // namespace dagfusion
