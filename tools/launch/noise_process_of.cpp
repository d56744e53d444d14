#include "tools/launch/noise_process_of.h"

namespace dagfusion {

std::shared_ptr<Resource> noise_process_of(const Invocation& invocation) {
  const Tree file = read_file(invocation);
  const Tree* section = file.find("diffusion");
  if (!section) {
    const Planned planned = plan_file(invocation);
    const auto made = planned.checked.resources.find("diffusion");
    if (made == planned.checked.resources.end())
      throw UserError(file.where, "no section 'diffusion' here, and no model from a checkpoint that has one");
    return made->second;
  }
  const Catalog catalog = invocation.plugins.types();
  std::vector<Fault> faults;
  const SectionType& type = *catalog.section("diffusion");
  const Parameters given = Parameters::read(*section, type.parameters, {}, "section 'diffusion'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  return type.create(given);
}

}  // namespace dagfusion
