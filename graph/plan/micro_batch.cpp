#include "graph/plan/micro_batch.h"

#include <algorithm>
#include <string>

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

// run.KEY, "auto" where the file does not say.
std::string asked(const Tree& file, const char* key) {
  const Tree* run = file.find("run");
  const Tree* given = run ? run->find(key) : nullptr;
  return given ? given->text : "auto";
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

Planned recomputing(Planned planned, bool again) {
  if (planned.checked.run.recompute == again) return planned;
  planned.checked.run.recompute = again;
  return plan(std::move(planned.checked));
}

}  // namespace

Planned check_and_plan(const Tree& file, const Catalog& catalog, CheckOptions options) {
  const std::string recompute = asked(file, "recompute");
  const auto with_less = [&](Planned planned) {
    const bool again = recompute == "true" || (recompute == "auto" && planned.checked.run.training &&
                                               !fits(planned, options.threads));
    return recomputing(std::move(planned), again);
  };
  options.auto_micro_batch = 1;
  Checked checked = check(file, catalog, options);
  const RunSettings run = checked.run;
  // Not from what is kept for the backward pass: results depend on how many images a frame holds.
  checked.run.recompute = false;
  Planned one = plan(std::move(checked));
  const int most = asked(file, "micro_batch") == "auto" ? fitting_micro_batch(one) : 1;
  for (int n = most; n > 1; --n) {
    if (run.training && !cuts_a_step(run, n)) continue;
    options.auto_micro_batch = n;
    Planned larger = with_less(plan(check(file, catalog, options)));
    if (fits(larger, options.threads)) return larger;
  }
  return with_less(std::move(one));
}

}  // namespace dagfusion
