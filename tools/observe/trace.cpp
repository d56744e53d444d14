#include "tools/observe/trace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "graph/values/clock.h"
#include "nodes/files/durable.h"

namespace dagfusion {

namespace {

std::atomic<int> traces = 0;

}  // namespace

// Records lie in pieces that never move.
struct Trace::Track {
  std::vector<std::vector<Record>> pieces;
  std::vector<std::int64_t>
      open;  // begins, outermost first: a task that waits may meet another one on its thread

  void add(const Record& record) {
    constexpr std::size_t kPiece = 1 << 14;
    if (pieces.empty() || pieces.back().size() == kPiece) pieces.emplace_back().reserve(kPiece);
    pieces.back().push_back(record);
  }
};

Trace::Trace() : start_(clock_now()), id_(++traces) {}
Trace::~Trace() = default;

Trace::Track& Trace::track() {
  thread_local int mine = 0;  // which trace `here` belongs to
  thread_local Track* here = nullptr;
  if (mine == id_) return *here;
  const std::lock_guard lock(mutex_);
  tracks_.push_back(std::make_unique<Track>());
  here = tracks_.back().get();
  mine = id_;
  return *here;
}

void Trace::begins(const TaskVisit&) noexcept { track().open.push_back(clock_now()); }

void Trace::ends(const TaskVisit& visit) noexcept {
  const std::int64_t end = clock_now();
  Track& here = track();
  here.add({&visit.name(), &visit.type(), here.open.back(), end, visit.ready(), visit.frame(), visit.step(),
            visit.iteration()});
  here.open.pop_back();
}

void Trace::exchanged(const Exchanged& one) noexcept {
  const std::lock_guard lock(mutex_);
  exchanged_.push_back(one);
}

// What the thread did lies in its track. Waits of several buckets overlap, so they lie beside it, each from its b to its e.
void Trace::append_exchange(std::string& out, int process) const {
  if (exchanged_.empty()) return;
  const auto microseconds = [&](std::int64_t t) { return static_cast<double>(t - start_) * 1e-3; };
  const std::size_t track = tracks_.size();
  out += fmt::format(
      "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":\"exchange\"}}}},\n",
      process, track);
  for (const Exchanged& e : exchanged_) {
    const std::string of_bucket = e.bucket < 0 ? "" : fmt::format(", bucket {}", e.bucket);
    if (e.kind == Exchanged::Kind::work) {
      out += fmt::format(
          "{{\"ph\":\"X\",\"name\":\"{}{}\",\"cat\":\"exchange\",\"pid\":{},\"tid\":{},\"ts\":{:.3f},\"dur\":"
          "{:.3f}}},\n",
          e.what, of_bucket, process, track, microseconds(e.begin),
          static_cast<double>(e.end - e.begin) * 1e-3);
      continue;
    }
    for (const auto& [phase, time] : {std::pair{"b", e.begin}, {"e", e.end}})
      out += fmt::format(
          "{{\"ph\":\"{}\",\"name\":\"{}{}\",\"cat\":\"exchange\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{:."
          "3f}}},\n",
          phase, e.what, of_bucket, e.bucket + 1, process, track, microseconds(time));
  }
}

std::size_t Trace::visits() const {
  std::size_t all = 0;
  for (const auto& t : tracks_)
    for (const auto& piece : t->pieces) all += piece.size();
  return all;
}

void Trace::refuse_target(const std::filesystem::path& path) {
  const auto refuse = [](const std::string& why) { throw UserError({"command line"}, "--trace: " + why); };
  if (std::filesystem::is_directory(path))
    refuse(
        fmt::format("'{}' is a folder; name a file, like {}", path.string(), (path / "trace.json").string()));
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (!std::filesystem::is_directory(folder))
    refuse(
        fmt::format("there is no folder '{}' to write '{}' in", folder.string(), path.filename().string()));
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    refuse(
        fmt::format("nothing can be written in the folder '{}': {}", folder.string(), std::strerror(errno)));
}

// Every event ends with a comma and a new line.
std::string Trace::events(int rank) const {
  std::string out;
  const int process = rank + 1;
  const auto microseconds = [&](std::int64_t t) { return static_cast<double>(t - start_) * 1e-3; };
  struct Place {
    const Record* record;
    std::size_t thread;
  };
  std::vector<Place> all;
  for (std::size_t t = 0; t < tracks_.size(); ++t) {
    out += fmt::format(
        "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":\"thread "
        "{}\"}}}},\n",
        process, t, t);
    for (const auto& piece : tracks_[t]->pieces)
      for (const Record& r : piece) all.push_back({&r, t});
  }
  std::sort(all.begin(), all.end(),
            [](const Place& a, const Place& b) { return a.record->begin < b.record->begin; });
  std::map<std::int64_t, bool> seen;  // frames
  for (const Place& p : all) {
    const Record& r = *p.record;
    const double waited =
        r.ready > 0 ? static_cast<double>(std::max<std::int64_t>(r.begin - r.ready, 0)) * 1e-3 : 0;
    out += fmt::format(
        "{{\"ph\":\"X\",\"name\":{},\"cat\":{},\"pid\":{},\"tid\":{},\"ts\":{:.3f},\"dur\":{:.3f},\"args\":{{"
        "\"frame\":{},"
        "\"step\":{},\"iteration\":{},\"waited_us\":{:.3f}}}}},\n",
        nlohmann::json(*r.name).dump(), nlohmann::json(*r.type).dump(), process, p.thread,
        microseconds(r.begin), static_cast<double>(r.end - r.begin) * 1e-3, r.frame, r.step, r.iteration,
        waited);
    // One arrow for each frame, through all its tasks: s starts it, t goes on.
    out += fmt::format(
        "{{\"ph\":\"{}\",\"name\":\"frame\",\"cat\":\"frame\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{:.3f}}}"
        ","
        "\n",
        seen[r.frame] ? "t" : "s", r.frame, process, p.thread, microseconds(r.begin));
    seen[r.frame] = true;
  }
  append_exchange(out, process);
  out += fmt::format("{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":\"{}\"}}}},\n",
                     process, rank == 0 ? "run-pipeline" : fmt::format("run-pipeline, rank {}", rank));
  return out;
}

void Trace::write(const std::filesystem::path& path, const std::vector<std::string>& events_by_rank) {
  const std::filesystem::path unfinished = path.string() + ".unfinished";
  try {
    DurableFile out(unfinished);
    out.write("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    for (std::size_t r = 0; r < events_by_rank.size(); ++r) {
      const std::string& events = events_by_rank[r];
      const bool last = r + 1 == events_by_rank.size();
      out.write(last ? events.substr(0, events.size() - 2) + "\n" : events);  // no comma behind the last
    }
    out.write("]}\n");
    out.close();
  } catch (const std::runtime_error&) {
    throw std::runtime_error(fmt::format("cannot write the trace '{}'", path.string()));
  }
  std::filesystem::rename(unfinished, path);
  sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

}  // namespace dagfusion
