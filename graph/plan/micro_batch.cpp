#include "graph/plan/micro_batch.h"

#include <algorithm>

#include "graph/plan/planned_memory.h"

namespace dagfusion {

namespace {

constexpr std::size_t kLaneBytes = std::size_t{384} << 20;  // what a lane may take
constexpr int kMostImages = 8;                              // and how many images a frame holds at most
constexpr std::int64_t kFrames = 8;  // that a run without training is cut into at least: every core has some

// The most images a frame may hold so that the last one, which is filled up, wastes no more than 3 % of all.
int drawn_together(std::int64_t images, std::int64_t fit) {
  for (std::int64_t n = fit; n > 1; --n) {
    const std::int64_t frames = (images + n - 1) / n;
    if (frames >= kFrames && 32 * (frames * n - images) <= images) return static_cast<int>(n);
  }
  return 1;
}

// The frames of a step in equal parts, none half full.
bool cuts_a_step(const RunSettings& run, int images) {
  return run.batch_size % (std::int64_t{images} * run.gradient_groups) == 0;
}

bool micro_batch_is_auto(const Tree& file) {
  const Tree* run = file.find("run");
  const Tree* asked = run ? run->find("micro_batch") : nullptr;
  return !asked || asked->text == "auto";
}

}  // namespace

int fitting_micro_batch(const Planned& one) {
  const Checked& checked = one.checked;
  const RunSettings& run = checked.run;
  if (checked.weights->weights().empty() && !run.training) return 1;  // preprocessing: one picture a frame
  const std::size_t per_image = std::max<std::size_t>(one.plan.lane_bytes, 1);
  const std::int64_t fit =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(kLaneBytes / per_image), 1, kMostImages);
  if (!run.training) return drawn_together(*checked.images, fit);
  int best = 1;
  for (int n = 1; n <= fit; ++n)
    if (cuts_a_step(run, n)) best = n;
  return best;
}

namespace {

bool fits(const Planned& planned, int threads) {
  const Checked& checked = planned.checked;
  const int lanes = lanes_of(checked.run, checked.run.threads > 0 ? checked.run.threads : threads);
  return checked.memory == 0 || planned_memory(planned, lanes) <= checked.memory;
}

}  // namespace

Planned check_and_plan(const Tree& file, const Catalog& catalog, CheckOptions options) {
  options.auto_micro_batch = 1;
  Planned planned = plan(check(file, catalog, options));
  if (!micro_batch_is_auto(file)) return planned;
  const RunSettings run = planned.checked.run;
  const int most = fitting_micro_batch(planned);
  for (int n = most; n > 1; --n) {
    if (run.training && !cuts_a_step(run, n)) continue;
    options.auto_micro_batch = n;
    Planned larger = plan(check(file, catalog, options));
    if (fits(larger, options.threads)) return larger;
  }
  return planned;
}

}  // namespace dagfusion
