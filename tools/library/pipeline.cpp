#include "tools/library/pipeline.h"

#include <opencv2/core/utility.hpp>

#include "nodes/files/confined.h"
#include "tools/library/kept_images.h"
#include "tools/library/watched_run.h"

namespace dagfusion {

namespace {

Invocation prepared(const Pipeline& pipeline) {
  cv::setNumThreads(1);  // the flow graph has the threads
  return invocation_of(pipeline);
}

RunStatus status_of(const Progress& p) {
  return {.steps = p.steps,
          .all_steps = p.all_steps,
          .images = p.images,
          .all_images = p.all_images,
          .loss = p.has_loss ? std::optional(p.loss) : std::nullopt};
}

RunSummary::Outcome outcome_of(Report::Outcome outcome) {
  switch (outcome) {
    case Report::Outcome::done:
      return RunSummary::Outcome::done;
    case Report::Outcome::stopped:
      return RunSummary::Outcome::stopped;
    case Report::Outcome::aborted:
      return RunSummary::Outcome::aborted;
  }
  return RunSummary::Outcome::aborted;
}

// Asks only when there is something new; the last answer holds meanwhile.
class Asking {
 public:
  explicit Asking(const OnProgress& on_progress) : on_progress_(on_progress) {}

  Wish operator()(const Progress* now) {
    if (!now || !on_progress_ || (now->steps == steps_ && now->images == images_)) return wish_;
    steps_ = now->steps;
    images_ = now->images;
    return wish_ = on_progress_(status_of(*now));
  }

 private:
  const OnProgress& on_progress_;
  Wish wish_ = Wish::go_on;
  std::int64_t steps_ = -1, images_ = -1;
};

RunSummary run_asking(const Invocation& request, const OnProgress& on_progress) {
  Asking asking(on_progress);
  RunResult result = run_watched(request, [&](const Progress* now) { return asking(now); });
  return {.outcome = outcome_of(result.report.outcome),
          .status = status_of(result.report.progress),
          .seconds = result.report.seconds,
          .directory = std::move(result.directory),
          .notes = std::move(result.notes),
          .told = std::move(result.report.told),
          .dropped = std::move(result.report.dropped)};
}

// [C,H,W] -> [H,W,C]
Image image_of(const std::uint8_t* planes, const Shape& each) {
  Image image{.height = static_cast<int>(each[1]),
              .width = static_cast<int>(each[2]),
              .channels = static_cast<int>(each[0])};
  image.pixels.resize(static_cast<std::size_t>(count_of(each)));
  const std::int64_t channels = each[0], plane = each[1] * each[2];
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t i = 0; i < plane; ++i)
      image.pixels[static_cast<std::size_t>(i * channels + c)] = planes[c * plane + i];
  return image;
}

std::vector<Image> images_of(const KeptImages& kept) {
  const Shape all = kept.shape(), each(all.begin() + 1, all.end());
  const std::vector<std::uint8_t> bytes = kept.bytes();
  std::vector<Image> images;
  for (std::int64_t n = 0; n < all[0]; ++n)
    images.push_back(image_of(bytes.data() + n * count_of(each), each));
  return images;
}

}  // namespace

void confine_reading() { start_confinement(); }

void check(const Pipeline& pipeline) { plan_file(prepared(pipeline)); }

RunSummary run(const Pipeline& pipeline, const OnProgress& on_progress) {
  return run_asking(prepared(pipeline), on_progress);
}

std::vector<Image> images(const Pipeline& pipeline, const std::string& node, const OnProgress& on_progress) {
  KeptImages kept(node);
  Invocation request = prepared(pipeline);
  request.observer = &kept;
  request.adapt = [&](Checked& checked) { kept.refuse_unless_drawn(checked); };
  const RunSummary summary = run_asking(request, on_progress);
  const bool stopped = summary.outcome != RunSummary::Outcome::done;
  if (stopped && kept.empty()) return {};
  return images_of(kept);
}

}  // namespace dagfusion
