// A trace of every task, for ui.perfetto.dev and chrome://tracing.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "graph/run/run.h"
#include "graph/values/clock.h"

namespace dagfusion {

// Keeps one record for each visit, in a list of each thread's own: no lock, and memory in large pieces.
class Trace final : public TaskObserver {
 public:
  Trace();
  ~Trace() override;
  void begins(const TaskVisit&) noexcept override;
  void ends(const TaskVisit&) noexcept override;
  void exchanged(const Exchanged&) noexcept override;
  // Times count from here; where several processes share the run, they all call it together.
  void starts() { start_ = clock_now(); }

  // Chrome's trace event format: a track for each thread, an arrow from task to task for each frame; a track for the
  // thread that exchanges with other processes, and its waits by bucket. After the run.
  void write(const std::filesystem::path& path) const { write(path, {events(0)}); }
  // The events of one process; where several have shared a run, the first writes those of all.
  std::string events(int rank) const;
  static void write(const std::filesystem::path&, const std::vector<std::string>& events_by_rank);
  // A UserError, before a run, where a trace could not be written after it.
  static void refuse_target(const std::filesystem::path&);
  std::size_t visits() const;

 private:
  struct Record {
    const std::string* name;
    const std::string* type;
    std::int64_t begin, end, ready, frame, step;  // times: nanoseconds of the steady clock
    int iteration;
  };
  struct Track;
  Track& track();
  void append_exchange(std::string& out, int process) const;

  std::int64_t start_;
  const int id_;
  mutable std::mutex mutex_;  // of what follows
  std::vector<std::unique_ptr<Track>> tracks_;
  std::vector<Exchanged> exchanged_;
};

}  // namespace dagfusion
