#include "tools/report/run_facts.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "graph/document/number.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/manifest.h"
#include "nodes/files/previews.h"
#include "nodes/files/run_directory.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

// Asked with a lock that is shared, and given back at once.
bool is_locked(const fs::path& run) {
  const int file = ::open((run / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return held;
}

std::uint64_t bytes_below(const fs::path& run) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(run, fs::directory_options::skip_permission_denied, error), end;
       !error && at != end; at.increment(error)) {
    std::error_code gone;  // a checkpoint may be removed meanwhile
    if (at->is_regular_file(gone) && !gone)
      if (const std::uintmax_t size = at->file_size(gone); !gone) bytes += size;
  }
  return bytes;
}

std::int64_t whole_number(const Tree* tree) {
  std::int64_t value = 0;
  return tree && tree->is_scalar() && parse(tree->text, value) ? value : 0;
}

const Tree* key_of(const Tree* tree, const char* key) {
  return tree && tree->is_map() ? tree->find(key) : nullptr;
}

bool trains(const Tree& pipeline) {
  const Tree* nodes = key_of(&pipeline, "nodes");
  if (!nodes) return false;
  return std::any_of(nodes->entries.begin(), nodes->entries.end(),
                     [](const Entry& e) { return key_of(&e.value, "minimize") != nullptr; });
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) c == ',' ? void(cells.emplace_back()) : cells.back().push_back(c);
  return cells;
}

// The first line and the last whole one.
std::pair<std::string, std::string> ends_of(const fs::path& path) {
  constexpr std::streamoff kTail = 64 << 10;
  std::ifstream file(path, std::ios::binary);
  std::string first;
  if (!std::getline(file, first)) return {};
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  const std::streamoff from =
      std::max<std::streamoff>(static_cast<std::streamoff>(first.size()), size - kTail);
  file.seekg(from);
  std::string tail(static_cast<std::size_t>(std::max<std::streamoff>(0, size - from)), '\0');
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  const std::size_t columns = cells_of(first).size();
  for (std::size_t end; (end = tail.rfind('\n')) != tail.npos && end > 0; tail.resize(end)) {
    const std::size_t begin = tail.rfind('\n', end - 1);
    if (begin == tail.npos) break;
    std::string line = tail.substr(begin + 1, end - begin - 1);
    if (cells_of(line).size() == columns && line.find('\0') == line.npos) return {first, line};
  }
  return {first, ""};
}

void read_log(const fs::path& log, RunFacts& facts) {
  const auto [head, last] = ends_of(log);
  const std::vector<std::string> columns = cells_of(head), cells = cells_of(last);
  if (last.empty()) return;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    double value = 0;
    const auto [end, error] = std::from_chars(cells[i].data(), cells[i].data() + cells[i].size(), value);
    if (error != std::errc() || end != cells[i].data() + cells[i].size()) continue;
    if (columns[i] == "step") facts.steps = static_cast<std::int64_t>(value);
    if (columns[i] == "images") facts.images = static_cast<std::int64_t>(value);
    if (columns[i] == "seconds") facts.seconds = value;
    if (columns[i] == "loss") facts.loss = value;
  }
}

}  // namespace

const char* name_of(RunStatus status) {
  return status == RunStatus::running ? "running" : status == RunStatus::done ? "done" : "stopped";
}

bool is_run(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path / kPipeline, ignored) && !fs::exists(path / kManifest, ignored) &&
         fs::exists(path / "lock", ignored);
}

fs::path find_run(const fs::path& typed) {
  const fs::path named = typed.filename().empty() ? typed.parent_path() : typed;  // "runs/train/"
  std::error_code ignored;
  if (!fs::is_directory(named, ignored))
    throw UserError({"command line"}, fmt::format("there is no run directory '{}'", typed.string()));
  if (is_run(named)) return named;
  if (fs::exists(named / kManifest, ignored))
    return find_run(fs::absolute(named).parent_path().parent_path());
  for (const fs::path& run : RunDirectory::all(named))
    if (is_run(run)) return run;
  throw UserError(
      {"command line"},
      fmt::format("'{}' is not a run directory: there is no {} of a run in it, nor in one below it",
                  typed.string(), kPipeline));
}

std::string log_file_of(const Tree& pipeline) {
  std::string found;
  const Tree* nodes = key_of(&pipeline, "nodes");
  if (!nodes) return found;
  for (const Entry& e : nodes->entries) {
    const Tree *type = key_of(&e.value, "type"), *name = key_of(&e.value, "name"),
               *in = key_of(&e.value, "in");
    if (!type || type->text != "metrics_log") continue;
    const std::string file = (name ? name->text : "metrics") + ".csv";
    if (key_of(in, "loss")) return file;
    if (found.empty()) found = file;
  }
  return found;
}

RunFacts read_run_facts(const fs::path& run, bool over) {
  const Tree pipeline = read_document(run / kPipeline);
  RunFacts facts{.path = run};
  if (trains(pipeline)) facts.all_steps = whole_number(key_of(key_of(&pipeline, "run"), "steps"));
  std::error_code ignored;
  if (const std::string log = log_file_of(pipeline); !log.empty() && fs::exists(run / log, ignored))
    read_log(run / log, facts);
  if (const auto saved = steps_below(run / kCheckpoints); !saved.empty())
    facts.steps = std::max(facts.steps, saved.front().first);
  const bool ended =
      facts.all_steps > 0 ? facts.steps >= facts.all_steps : fs::exists(run / "times.csv", ignored);
  facts.status = !over && is_locked(run) ? RunStatus::running : ended ? RunStatus::done : RunStatus::stopped;
  facts.bytes = bytes_below(run);
  if (const std::vector<Preview> previews = previews_of(run); !previews.empty())
    facts.last_preview = previews.back().picture;
  return facts;
}

nlohmann::ordered_json facts_json(const RunFacts& facts) {
  nlohmann::ordered_json made = {
      {"run", facts.path.string()}, {"state", name_of(facts.status)}, {"step", facts.steps}};
  made["steps"] = facts.all_steps;
  made["images"] = facts.images;
  made["seconds"] = facts.seconds;
  made["loss"] = facts.loss && std::isfinite(*facts.loss) ? nlohmann::ordered_json(*facts.loss) : nullptr;
  made["bytes"] = facts.bytes;
  made["last_preview"] = nullptr;
  if (!facts.last_preview.empty()) made["last_preview"] = facts.last_preview.string();
  return made;
}

}  // namespace dagfusion
