#include "nodes/kernels/instruction_set.h"

#include <algorithm>
#include <stdexcept>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nodes/kernels/instruction_set.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace dagfusion::kernels::HWY_NAMESPACE {

const char* Name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace dagfusion::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dagfusion::kernels {

HWY_EXPORT(Name);

std::string instruction_set() { return HWY_DYNAMIC_DISPATCH(Name)(); }

// SCALAR is compiled always but not in the list of some builds of the library.
std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets())
    names.emplace_back(hwy::TargetName(target));
  if (std::ranges::find(names, "SCALAR") == names.end()) names.emplace_back("SCALAR");
  return names;
}

void use_instruction_set(const std::string& name) {
  const auto names = instruction_sets();
  if (std::ranges::find(names, name) == names.end()) {
    throw std::invalid_argument("no instruction set '" + name + "' on this processor");
  }
  std::int64_t chosen = HWY_SCALAR;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (name == hwy::TargetName(target)) chosen = target;
  }
  hwy::GetChosenTarget().Update(chosen);
}

}  // namespace dagfusion::kernels
#endif
