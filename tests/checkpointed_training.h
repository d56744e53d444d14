// A run of three nodes that leaves checkpoints, and what is in its folders.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "nodes/files/checkpoint_files.h"
#include "tests/step_bench.h"

namespace dagfusion::tests {

namespace fs = std::filesystem;

// A run with an optimiser, an average and a checkpoint node.
struct Training {
  explicit Training(const fs::path& where, const std::string& yaml = "{type: checkpoint}")
      : run(where),
        adam(run, "{type: adam_update, learning_rate: 0.1}"),
        ema(run, "{type: weight_average, decay: 0.5}"),
        save(run, yaml) {
    run.nodes = {{"adam/update", "adam_update", &adam.ordered()}, {"ema", "weight_average", &ema.ordered()}};
    run.set("model/a", {1, 2, 3, 4, 5, 6});
    run.set("model/b", {0.5f, -1, 2, 0, 0.25f});
  }
  void step(std::int64_t number) {
    const auto g = static_cast<float>(number);
    run.set_gradient("model/a", {g, -g, 1, 0, 2, g * g});
    run.set_gradient("model/b", {1, 2, 3, g, 5});
    adam.run(number);
    ema.run(number);
    run.table.pack(run.live);
  }
  void steps(std::int64_t first, std::int64_t last) {
    for (std::int64_t number = first; number <= last; ++number) {
      step(number);
      save.run(number);
    }
  }

  BenchRun run;
  StepNode adam, ema, save;
};

inline std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace dagfusion::tests
