// The pipelines of runs as the engine sees them, for their reports.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "graph/plan/plan.h"
#include "tools/launch/typed_plugins.h"
#include "tools/report/run_data.h"

namespace dagfusion {

// Reads the file that the run was made of. Where its data or plugins are not here any more, the view says what is missing.
class RunView {
 public:
  RunView(const std::filesystem::path& run, const TypedPlugins&);
  const PipelineView& view() const { return view_; }

 private:
  std::shared_ptr<Planned> planned_;
  PipelineView view_;
};

}  // namespace dagfusion
