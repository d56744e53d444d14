#include "graph/plan/micro_batch.h"

#include <algorithm>

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
    if (run.batch_size % (std::int64_t{n} * run.gradient_groups) == 0) best = n;
  return best;
}

Planned check_and_plan(const Tree& file, const Catalog& catalog, CheckOptions options) {
  options.auto_micro_batch = 1;
  Planned planned = plan(check(file, catalog, options));
  if (!micro_batch_is_auto(file)) return planned;
  options.auto_micro_batch = fitting_micro_batch(planned);
  if (options.auto_micro_batch == 1) return planned;
  return plan(check(file, catalog, options));
}

}  // namespace dagfusion
