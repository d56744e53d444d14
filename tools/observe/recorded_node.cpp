#include "tools/observe/recorded_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "graph/types/value.h"

namespace dagfusion {

namespace {

const std::vector<Parameter>& frame_keys() {
  static const std::vector<Parameter> keys = {
      {.name = "step", .kind = Kind::integer, .doc = "from 1", .required = true, .minimum = 1},
      {.name = "position",
       .kind = Kind::integer,
       .doc = "number of the first image",
       .required = true,
       .minimum = 0},
      {.name = "images", .kind = Kind::integer, .doc = "of the frame", .required = true, .minimum = 1},
      {.name = "valid", .kind = Kind::integer, .doc = "images that count", .required = true, .minimum = 1},
      {.name = "stream", .kind = Kind::text, .doc = "key of the node's random numbers", .required = true},
      {.name = "training", .kind = Kind::boolean, .doc = "some node minimized", .required = true}};
  return keys;
}

Tree map_of(const std::vector<std::pair<std::string, Setting>>& settings) {
  Tree map{.kind = Tree::Kind::map};
  for (const auto& [key, value] : settings) map.entries.push_back({key, {}, tree_of(value, {})});
  return map;
}

Tree tree_of(const RecordedFrame& f) {
  return map_of({{"step", f.step},
                 {"position", f.position},
                 {"images", f.images},
                 {"valid", f.valid},
                 {"stream", fmt::format("{:08x}-{:08x}", f.stream[0], f.stream[1])},
                 {"training", f.training}});
}

// "00c0ffee-12345678"
std::array<std::uint32_t, 2> read_stream(const Parameters& frame) {
  const std::string& text = frame.text("stream");
  std::array<std::uint32_t, 2> key{};
  const bool whole = text.size() == 17 && text[8] == '-';
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char* begin = text.data() + 9 * i;
    if (!whole || std::from_chars(begin, begin + 8, key[i], 16).ptr != begin + 8)
      frame.fail("stream",
                 fmt::format("'stream' is '{}'; it must be two numbers like 00c0ffee-12345678", text));
  }
  return key;
}

RecordedFrame read_frame(const Tree& tree) {
  std::vector<Fault> faults;
  const Parameters given = Parameters::read(tree, frame_keys(), {}, "section 'frame'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  return {.step = given.integer("step"),
          .position = given.integer("position"),
          .images = given.integer("images"),
          .valid = given.integer("valid"),
          .stream = read_stream(given),
          .training = given.flag("training")};
}

}  // namespace

RecordedNode recorded(const Checked& checked, const CheckedNode& node, std::vector<Entry> sections,
                      RecordedFrame frame) {
  RecordedNode r{.sections = std::move(sections), .plugins = checked.types->plugins, .frame = frame};
  r.node = map_of({{"type", node.type->name}});
  for (const Parameter& p : node.type->parameters)
    if (node.parameters.has(p.name) && p.kind != Kind::map)
      r.node.entries.push_back({p.name, {}, tree_of(node.parameters.setting(p.name), {})});
  r.run = map_of({{"seed", static_cast<std::int64_t>(checked.run.seed)},
                  {"precision", std::string(checked.run.activation == DType::bf16 ? "bfloat16" : "float32")},
                  {"winograd", checked.run.winograd}});
  return r;
}

Tree tree_of(const RecordedNode& r) {
  Tree file{.kind = Tree::Kind::map};
  file.entries.push_back({"node", {}, r.node});
  file.entries.push_back({"frame", {}, tree_of(r.frame)});
  file.entries.push_back({"run", {}, r.run});
  file.entries.insert(file.entries.end(), r.sections.begin(), r.sections.end());
  if (!r.plugins.empty()) file.entries.push_back({"plugins", {}, tree_of(Setting(r.plugins), {})});
  return file;
}

RecordedNode read_recorded_node(const std::filesystem::path& path) {
  RecordedNode r;
  const Tree file = read_document(path);
  for (const char* key : {"node", "frame", "run"})
    if (const Tree* part = file.is_map() ? file.find(key) : nullptr; !part || !part->is_map())
      throw UserError(file.where, fmt::format("has no section '{}', so it does not say how the node ran; "
                                              "record the node again",
                                              key));
  for (const Entry& e : file.entries) {
    if (e.key == "node")
      r.node = e.value;
    else if (e.key == "frame")
      r.frame = read_frame(e.value);
    else if (e.key == "run")
      r.run = e.value;
    else if (e.key == "plugins")
      for (const Tree& item : e.value.items) r.plugins.push_back(item.text);
    else
      r.sections.push_back(e);
  }
  return r;
}

}  // namespace dagfusion
