#include "tools/report/run_views.h"

#include <fmt/format.h>

#include "graph/document/fault.h"
#include "nodes/files/checkpoint_names.h"
#include "tools/launch/launch.h"
#include "tools/launch/noise_process_of.h"

namespace dagfusion {

RunView::RunView(const std::filesystem::path& run, const TypedPlugins& plugins) {
  const Invocation made{.file = run / kPipeline, .plugins = plugins};
  try {
    planned_ = std::make_shared<Planned>(plan_file(made));
    view_.planned = planned_.get();
  } catch (const UserError& e) {
    view_.missing = fmt::format("the pipeline is not drawn: {}", e.faults().front().message);
  }
  try {
    view_.noise = noise_process_of(made);
  } catch (const UserError&) {  // nothing is noised, or the pipeline cannot be read, as the user knows by now
  }
}

}  // namespace dagfusion
