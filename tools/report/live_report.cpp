#include "tools/report/live_report.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>

#include "graph/values/what_of.h"
#include "nodes/files/previews.h"
#include "tools/report/page.h"
#include "tools/report/task_times.h"

namespace dagfusion {

namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 1s;
constexpr int kLowestPriority = 19;

}  // namespace

LiveReport::LiveReport(const Launch& launch)
    : launch_(launch), wanted_(launch.directory && launch.run->checked().run.training) {
  if (!wanted_) return;
  seen_ = previews_of(launch.directory->path()).size();
  thread_ = std::thread([this] { follow(); });
}

LiveReport::~LiveReport() { stop(); }

void LiveReport::stop() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LiveReport::follow() {
  setpriority(PRIO_PROCESS, 0, kLowestPriority);  // of this thread alone
  const std::filesystem::path& run = launch_.directory->path();
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kBetweenLooks, [&] { return over_; })) {
    try {
      const std::size_t now = previews_of(run).size();
      if (now == seen_ || !launch_.run->progress().pause.empty()) continue;  // a preview is under way
      seen_ = now;
      lock.unlock();
      write(false);
      lock.lock();
    } catch (const std::exception&) {  // the end of the run says why
      if (!lock.owns_lock()) lock.lock();
    }
  }
}

void LiveReport::write(bool over) const {
  const Planned& planned = launch_.run->planned();
  const auto& resources = planned.checked.resources;
  PipelineView view{.planned = &planned, .over = over};
  if (const auto noise = resources.find("diffusion"); noise != resources.end()) view.noise = noise->second;
  const RunDirectory& directory = *launch_.directory;
  directory.write("times.csv", times_csv(launch_.run->times()));
  directory.write(kReport, report_page({directory.path()}, {view}));
}

std::string LiveReport::finish() {
  stop();
  if (!wanted_) return "";
  try {
    write(true);
    return fmt::format("report: {}", (launch_.directory->path() / kReport).string());
  } catch (const std::exception& e) {
    return fmt::format("warning   no report is written: {}", what_of(e));
  }
}

}  // namespace dagfusion
