// Pipelines from a program of one's own: what run-pipeline does, as calls. Installed as <dagfusion/pipeline.h>.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graph/document/fault.h"
#include "graph/values/tensor.h"

namespace dagfusion {

// From here on, pictures and HDF5 files are read in processes that can do nothing but compute, as run-pipeline does it.
// To be called first in main, while there is one thread: these processes are forked from this one. Without it this process
// reads them itself, as Python's package does, since nobody knows there which threads other packages have started.
void confine_reading();

// A file, and what is changed in it, as typed behind run-pipeline.
struct Pipeline {
  std::string file;
  std::vector<std::string> set = {};       // "run.steps=100"
  std::vector<std::string> add = {};       // as with --add
  std::vector<std::string> remove = {};    // as with --remove
  std::optional<std::string> resume = {};  // a run to go on with; "" = the newest below run.output
  int threads = 0;                         // 0: the cores that this process may use
};

struct RunStatus {
  std::int64_t steps = 0, all_steps = 0;    // training
  std::int64_t images = 0, all_images = 0;  // done in this process; all_images -1 = endless
  std::optional<double> loss = {};          // of the last step
};

// stop: finish the step that has begun, and save. A wish to stop stays.
enum class Wish { go_on, stop, stop_at_once };

// Called on the thread that runs the pipeline, when there is something new, 20 times a second at the most. What it throws
// stops the run at once, and comes out of the call.
using OnProgress = std::function<Wish(const RunStatus&)>;

struct RunSummary {
  enum class Outcome { done, stopped, aborted } outcome = Outcome::done;
  RunStatus status;
  double seconds = 0;
  std::string directory;             // of the run; "" = none
  std::vector<std::string> notes;    // on the file, before the run
  std::vector<std::string> told;     // by nodes: where the results lie
  std::vector<std::string> dropped;  // "images/broken.png: …"
};

// Mistakes in a file are a UserError with all of them; a node that fails while it runs is a std::runtime_error that names it.
// No call handles signals, or ends the process; OpenCV works on one thread from the first call on.

// Finds every mistake that can be known before a run; makes nothing on the disk.
void check(const Pipeline&);

// Trains, draws or packs, as the file says.
RunSummary run(const Pipeline&, const OnProgress& = {});

// Runs a pipeline that draws, and returns what `node` gives, in the order of the images; after a wish to stop, those that
// were drawn by then. What the file writes is written too.
std::vector<Image> images(const Pipeline&, const std::string& node = "bytes", const OnProgress& = {});

}  // namespace dagfusion
