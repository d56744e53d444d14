// What a run directory shows at a glance, while a process is in it and after: for lists of runs, for who follows
// one, and for its report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "graph/document/document.h"

namespace dagfusion {

enum class RunStatus : unsigned char {
  running,  // a process is in it
  done,     // all its steps
  stopped   // by a signal, an error or a crash; or it never came to its first step
};
const char* name_of(RunStatus);

struct RunFacts {
  std::filesystem::path path;
  RunStatus status = RunStatus::stopped;
  std::int64_t steps = 0, all_steps = 0;  // all_steps 0: nothing is trained
  std::int64_t images = 0;
  double seconds = 0;                  // as the log has it: over all processes
  std::optional<double> loss;          // the last one in the log
  std::uint64_t bytes = 0;             // all files below
  std::filesystem::path last_preview;  // a picture; empty = none yet
};

// The directory that the user means: a run, the newest run below, or the run of a checkpoint. Throws UserError.
std::filesystem::path find_run(const std::filesystem::path& typed);

bool is_run(const std::filesystem::path&);  // it holds the pipeline of a run, and is no checkpoint

// `over`: whoever is in it has done what there was to do. Throws UserError when its pipeline.yaml cannot be read.
RunFacts read_run_facts(const std::filesystem::path& run, bool over = false);
nlohmann::ordered_json facts_json(const RunFacts&);

// "metrics.csv": of the first metrics_log of the pipeline, that with a loss before others; empty = none.
std::string log_file_of(const Tree& pipeline);

}  // namespace dagfusion
