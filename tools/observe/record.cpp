#include "tools/observe/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "graph/document/pattern.h"
#include "graph/values/step_name.h"
#include "nodes/files/durable.h"
#include "nodes/files/npy.h"
#include "nodes/kernels/bfloat16.h"
#include "nodes/kernels/blocked.h"
#include "tools/observe/recorded_node.h"

namespace dagfusion {

namespace {

// Row-major and without bfloat16, as NumPy has it.
void write_plain(const std::filesystem::path& path, const TaskVisit::Value& value) {
  std::span<const std::byte> bytes = value.bytes;
  std::vector<float> wide, plain;
  DType dtype = value.spec.dtype;
  if (dtype == DType::bf16) {
    wide.resize(bytes.size() / sizeof(BFloat16));
    kernels::widen(reinterpret_cast<const BFloat16*>(bytes.data()), wide.data(), wide.size());
    bytes = std::as_bytes(std::span(wide));
    dtype = DType::f32;
  }
  if (value.spec.block > 1) {
    const Shape& s = value.spec.shape;
    const auto pixels = static_cast<std::size_t>(s[2] * s[3]);
    plain.resize(static_cast<std::size_t>(count_of(s)));
    const auto* from = reinterpret_cast<const float*>(bytes.data());
    const std::size_t stored = value.spec.image_elements(),
                      each = plain.size() / static_cast<std::size_t>(s[0]);
    for (std::int64_t n = 0; n < s[0]; ++n)
      kernels::blocked_to_plain(
          from + static_cast<std::size_t>(n) * stored, plain.data() + static_cast<std::size_t>(n) * each,
          static_cast<std::size_t>(s[1]), pixels, static_cast<std::size_t>(value.spec.block));
    bytes = std::as_bytes(std::span(plain));
  }
  write_npy(path, dtype, value.spec.shape, bytes);
}

// Steps are frames where nothing is trained.
std::int64_t steps_of(const Checked& checked) {
  return checked.run.training ? checked.run.steps : checked.frames_of_images();
}

}  // namespace

Record::Record(const std::string& what) {
  std::istringstream parts(what);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals),
                      value = equals == part.npos ? "" : part.substr(equals + 1);
    if (key == "step") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), step_);
      if (error != std::errc() || end != value.data() + value.size() || step_ < 1)
        throw UserError({"command line"},
                        fmt::format("--record: 'step' is '{}'; it must be a number from 1 on", value));
    } else if (key == "node") {
      node_ = value;
    } else {
      throw UserError({"command line"},
                      fmt::format("--record: unknown key '{}'{}", key, suggestion(key, {"step", "node"})));
    }
  }
  if (node_.empty())
    throw UserError({"command line"}, "--record: 'node' is missing, as in step=100,node=loss");
}

void Record::refuse_unless_met(const Checked& checked) const {
  std::vector<std::string> paths;
  for (const CheckedNode& n : checked.nodes) paths.push_back(n.path);
  if (std::none_of(paths.begin(), paths.end(), [&](const std::string& p) { return matches(node_, p); }))
    throw UserError({"command line"},
                    fmt::format("--record: no node '{}'{}", node_, suggestion(node_, paths)));
  if (step_ > steps_of(checked))
    throw UserError({"command line"}, fmt::format("--record: there is no step {}; the run ends with step {}",
                                                  step_, steps_of(checked)));
}

void Record::watch(const Checked& checked, const std::vector<Entry>& sections,
                   const std::filesystem::path& directory) {
  checked_ = &checked;
  sections_ = sections;
  directory_ = directory / "records" / step_name(step_);
}

void Record::begins(const TaskVisit& visit) noexcept {
  if (visit.position() != (step_ - 1) * checked_->run.batch_size || visit.part() != TaskTime::Part::forward ||
      !matches(node_, visit.node()))
    return;
  const std::lock_guard lock(mutex_);
  try {
    write(visit);
  } catch (const std::exception& e) {
    failures_.push_back(fmt::format("not recorded: {}: {}", visit.node(), e.what()));
  }
}

void Record::write(const TaskVisit& visit) {
  const auto node = std::find_if(checked_->nodes.begin(), checked_->nodes.end(),
                                 [&](const CheckedNode& n) { return n.path == visit.node(); });
  if (node == checked_->nodes.end()) return;  // of a pipeline inside this one
  const std::filesystem::path folder = directory_ / visit.node();
  if (std::filesystem::exists(folder / "node.yaml")) return;  // of an earlier iteration
  std::filesystem::create_directories(folder);
  for (const TaskVisit::Value& value : visit.inputs()) write_plain(folder / (value.port + ".npy"), value);
  const RunSettings& run = checked_->run;
  RecordedFrame frame{.step = step_,
                      .position = visit.position(),
                      .images = run.micro_batch,
                      .valid = run.micro_batch,
                      .stream = node->stream,
                      .training = run.training};
  if (!run.training) frame.valid = std::min(frame.images, checked_->images.value_or(0) - frame.position);
  replace_file(folder / "node.yaml", write_document(tree_of(recorded(*checked_, *node, sections_, frame))));
  written_.push_back(fmt::format("recorded: {}", folder.string()));
}

std::vector<std::string> Record::written() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines = written_;
  lines.insert(lines.end(), failures_.begin(), failures_.end());
  if (lines.empty()) lines.push_back(fmt::format("nothing recorded: no step {} was run", step_));
  return lines;
}

}  // namespace dagfusion
