#include "tools/launch/resume.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "graph/document/number.h"
#include "graph/types/builtin.h"
#include "graph/types/file_keys.h"
#include "graph/types/value.h"
#include "nodes/files/checkpoint_names.h"
#include "nodes/files/manifest.h"
#include "nodes/files/run_directory.h"
#include "tools/show/trees.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

const std::set<std::string> kFreeRunKeys = {
    "threads", "lanes", "frames_in_flight", "recompute", "rank_named", "rank_ended", "steps", "output"};

bool is_sink(const Tree& node, const Catalog& types) {
  const Tree* named = node.is_map() ? node.find("type") : nullptr;
  if (!named || !named->is_scalar()) return false;
  const NodeType* type = named->text == run_pipeline().name ? &run_pipeline() : types.find(named->text);
  return type && only_writes_out(*type);
}

// nodes.NAME without what is free to change. Sinks are free altogether.
std::optional<Tree> bound(const Tree* node, const Catalog& types) {
  if (!node || is_sink(*node, types)) return std::nullopt;
  Tree rest = *node;
  std::erase_if(rest.entries, [](const Entry& e) { return e.key == "doc"; });
  return rest;
}

std::string shown(const Tree* tree) { return tree ? shortened(in_one_line(*tree), 60) : "nothing"; }

// 2e-3 and 0.002 are one number.
bool same_number(const std::string& a, const std::string& b) {
  if (std::int64_t x = 0, y = 0; is_integer(a) && is_integer(b)) return parse(a, x) && parse(b, y) && x == y;
  double x = 0, y = 0;
  return is_real(a) && is_real(b) && parse(a, x) && parse(b, y) && x == y;
}

bool same_value(const Tree& a, const Tree& b) {
  if (a.is_list() && b.is_list())
    return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value);
  return equal(a, b) || (a.is_scalar() && b.is_scalar() && same_number(a.text, b.text));
}

// What the values of a map are declared as.
struct Declared {
  std::vector<Parameter> parameters;
  bool finds_data = false;  // texts say where data lie; what they are, their fingerprint says

  bool is_default(const std::string& key, const Tree& value) const {
    return std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
      return p.name == key && p.standard.index() != 0 && same_value(tree_of(p.standard, {}), value);
    });
  }
  bool is_place(const std::string& key) const {
    return finds_data && std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) {
             return p.name == key && p.kind == Kind::text && p.required;
           });
  }
};

Declared declared_by(const Tree& map, const std::string& path, const Catalog& types) {
  if (path == "run.") return {run_parameters()};
  if (const SectionType* section = types.section(path.substr(0, path.find('.')));
      section && path == section->name + ".")
    return {section->parameters};
  const Tree* named = map.find("type");
  const NodeType* type = named && named->is_scalar() ? types.find(named->text) : nullptr;
  return type ? Declared{type->parameters, type->role == Role::data_set} : Declared{};
}

bool may_change(const std::string& path, const std::string& key) {
  if (path == "run.") return kFreeRunKeys.count(key) > 0;
  return path.empty() && (key == "vars" || key == "doc" || key == "plugins");  // wherever plugins lie
}

// Differences below `path`, each as one line.
void compare(const Tree* before, const Tree* now, const std::string& path, const Catalog& types,
             std::vector<Fault>& found);

void compare_maps(const Tree& before, const Tree& now, const std::string& path, const Catalog& types,
                  std::vector<Fault>& found) {
  std::set<std::string> keys;
  for (const Tree* t : {&before, &now})
    for (const Entry& e : t->entries) keys.insert(e.key);
  const Declared declared = declared_by(now, path, types);
  for (const std::string& key : keys) {
    const Tree *b = before.find(key), *n = now.find(key);
    if (may_change(path, key) || (b && n && declared.is_place(key))) continue;
    if (!b != !n && declared.is_default(key, b ? *b : *n)) continue;
    if (path != "nodes.") {
      compare(b, n, path + key + ".", types, found);
      continue;
    }
    const std::optional<Tree> bound_before = bound(b, types), bound_now = bound(n, types);
    if (bound_before || bound_now)
      compare(bound_before ? &*bound_before : nullptr, bound_now ? &*bound_now : nullptr, path + key + ".",
              types, found);
  }
}

void compare(const Tree* before, const Tree* now, const std::string& path, const Catalog& types,
             std::vector<Fault>& found) {
  if (before && now && before->is_map() && now->is_map())
    return compare_maps(*before, *now, path, types, found);
  if (before && now && same_value(*before, *now)) return;
  found.push_back(
      {now ? now->where : Position{},
       fmt::format("{} was {}, and is now {}", path.substr(0, path.size() - 1), shown(before), shown(now))});
}

// The newest run below with a checkpoint, whole or damaged: a damaged one is reported when it is opened.
FoundRun newest_with_checkpoint(const fs::path& parent) {
  FoundRun found;
  for (const fs::path& run : RunDirectory::all(parent)) {
    if (!steps_below(run / kCheckpoints).empty()) {
      found.run = run;
      break;
    }
    found.passed_over.push_back(run);
  }
  return found;
}

}  // namespace

FoundRun named_run(const fs::path& given, bool fork) {
  if (!fs::is_directory(given))
    throw UserError({}, fmt::format("there is no run directory '{}'", given.string()));
  const fs::path named = given.filename().empty() ? given.parent_path() : given;  // "runs/train/"
  if (fs::exists(named / kManifest)) {
    if (fork) return {named};
    throw UserError({}, fmt::format("'{}' is a checkpoint; a run goes on from its newest: --resume {}; or "
                                    "with --fork, a new run from this one",
                                    named.string(), named.parent_path().parent_path().string()));
  }
  if (fs::exists(named / kPipeline)) return {named};
  if (FoundRun found = newest_with_checkpoint(named); !found.run.empty()) return found;
  if (const auto newest = RunDirectory::newest(named)) return {*newest};
  throw UserError(
      {}, fmt::format("'{}' is not a run directory: there is no {} in it", named.string(), kPipeline));
}

fs::path output_of(const Tree& file) {
  const Tree* run = file.find("run");
  const Tree* output = run && run->is_map() ? run->find("output") : nullptr;
  return output && !output->text.empty() ? output->text : kStandardOutput;
}

FoundRun newest_run(const Tree& file) { return newest_with_checkpoint(output_of(file)); }

void refuse_changes(const Tree& before, const Tree& now, const Catalog& types, const fs::path& run) {
  std::vector<Fault> found;
  compare(&before, &now, "", types, found);
  if (found.empty()) return;
  for (Fault& fault : found)
    fault.message += "; a run that goes on cannot change it, --fork starts a new one from here";
  found.insert(found.begin(), Fault{{}, fmt::format("{} was started from another pipeline", run.string())});
  throw UserError(std::move(found));
}

std::vector<std::string> changed_sections(const Tree& before, const Tree& now, const Catalog& types) {
  std::vector<std::string> lines;
  for (const SectionType& section : types.sections) {
    std::vector<Fault> found;
    compare(before.find(section.name), now.find(section.name), section.name + ".", types, found);
    for (const Fault& fault : found)
      lines.push_back(fault.message + "; the weights that this starts from were trained for the former");
  }
  return lines;
}

std::vector<std::string> plugin_checksums(const Catalog& catalog) {
  std::vector<std::string> found;
  for (const fs::path library : catalog.plugins) {
    const ManifestEntry file = read_entry(library);
    found.push_back(fmt::format("{} {:08x}", file.name, file.crc32c));
  }
  return found;
}

std::vector<std::string> rebuilt_plugins(const CheckpointFacts& facts, const std::vector<std::string>& now) {
  std::vector<std::string> lines;
  for (const std::string& before : facts.plugins) {
    const std::string name = before.substr(0, before.rfind(' ') + 1);
    const auto is_it = [&](const std::string& one) { return one.starts_with(name); };
    const auto there = std::find_if(now.begin(), now.end(), is_it);
    if (there == now.end() || std::find(now.begin(), now.end(), before) != now.end()) continue;
    lines.push_back(
        fmt::format("the plugin {}has other code than when this was written (CRC32C {}, and now {})", name,
                    before.substr(name.size()), there->substr(name.size())));
  }
  return lines;
}

void refuse_other_conditions(const CheckpointFacts& facts, const Checked& checked,
                             const std::string& instruction_set, const std::vector<std::string>& plugins) {
  constexpr const char* kFork =
      "results would not be those of the same run, --fork starts a new one from here";
  std::vector<Fault> found;
  const auto differ = [&](const std::string& what, const std::string& then, const std::string& now) {
    if (then != now)
      found.push_back({{},
                       fmt::format("{}: {} was {}, and is now {}; {}", facts.directory.string(), what, then,
                                   now, kFork)});
  };
  for (const std::string& line : rebuilt_plugins(facts, plugins))
    found.push_back({{}, fmt::format("{}: {}; {}", facts.directory.string(), line, kFork)});
  differ("micro_batch", std::to_string(facts.micro_batch), std::to_string(checked.run.micro_batch));
  differ("gradient_groups", std::to_string(facts.gradient_groups),
         std::to_string(checked.run.gradient_groups));
  differ("precision", facts.precision, checked.run.activation == DType::bf16 ? "bfloat16" : "float32");
  differ("the instruction set", facts.instruction_set, instruction_set);
  if (const auto fingerprints = checked.fingerprints(); !fingerprints.empty())
    differ("the data set", facts.data, nlohmann::json(fingerprints).dump());
  if (!found.empty()) throw UserError(std::move(found));
}

}  // namespace dagfusion
