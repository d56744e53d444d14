#include "tools/show/drawing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <vector>

#include "graph/plan/plan.h"
#include "tools/report/task_times.h"
#include "tools/show/arrows.h"
#include "tools/show/words.h"

namespace dagfusion {

namespace {

struct Look {
  const char *fill, *line;
};
constexpr Look kSource{"#d7ecd9", "#5a9367"}, kMap{"#f4f4f2", "#8a8a85"}, kLayer{"#dbe7f6", "#5b84b8"},
    kLoop{"#e8e0f5", "#8468b3"}, kSink{"#fbe6cc", "#c58a3d"}, kStep{"#fbf3c4", "#b5a030"},
    kBackward{"#f8dde4", "#b8657c"};

struct Box {
  std::string id, path, name, type;  // id: unique in the drawing
  Look look = kMap;
  double seconds = 0;
  std::vector<std::string> far = {};  // boxes far away that it is joined with: "↑ out/down0/block0"
};

constexpr int kLongestArrow = 30;  // in rows of boxes; what is longer is written into both boxes

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// The path down to `depth` slashes.
std::string cut(const std::string& path, int depth) {
  std::size_t end = path.find('/');
  for (; depth > 0 && end != std::string::npos; --depth) end = path.find('/', end + 1);
  return path.substr(0, end);
}

std::string label_of(const TensorSpec& spec) {
  return fmt::format("{} {}", to_string(spec.shape), name_of(spec.dtype));
}

Look look_of(const CheckedNode& node) {
  if (node.type->role == Role::data_set) return kSource;
  if (node.type->role == Role::ordered) return node.type->rate == Rate::step ? kStep : kSink;
  return node.weights.empty() ? kMap : kLayer;
}

// From white over yellow to red, by the share of the time.
std::string heat(double share) {
  const double x = std::min(1.0, share / 0.25);
  return fmt::format("#{:02x}{:02x}{:02x}", 255, static_cast<int>(250 - 130 * x),
                     static_cast<int>(235 - 150 * x));
}

class Drawing {
 public:
  Drawing(const Planned& planned, const Tree& file, const DrawingOptions& options)
      : checked_(planned.checked),
        plan_(planned.plan),
        nodes_(file.find("nodes")),
        model_(file.find("model")),
        options_(options) {
    for (const auto& [task, seconds] : options.seconds) all_seconds_ += seconds;
  }

  std::string dot() {
    options_.expand ? expanded() : collapsed();
    write_long_arrows();
    std::string text =
        "digraph pipeline {\n"
        "  graph [rankdir=TB, newrank=true, nodesep=0.35, ranksep=0.45, fontname=\"Helvetica\", fontsize=11, "
        "pad=0.3]\n"
        "  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=11, "
        "margin=\"0.14,0.07\"]\n"
        "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#77777a\", fontcolor=\"#55555a\", "
        "arrowsize=0.7]\n";
    clusters("", 1, text);
    for (const Arrow& a : arrows_)
      text += fmt::format("  \"{}\" -> \"{}\" [{}{}]\n", a.from, a.to,
                          a.label.empty() ? "" : fmt::format("label=\" {}\"", a.label),
                          a.order ? " style=dashed, color=\"#aaaaad\"" : "");
    return text + "}\n";
  }

 private:
  // One box for each path down to the depth: a node, or all that is below.
  void collapsed() {
    const auto cut_of = [&](const std::string& path) { return cut(path, options_.depth); };
    std::map<std::string, int> below;
    for (const CheckedNode& node : checked_.nodes) ++below[cut_of(node.path)];
    std::set<std::string> made;
    for (const CheckedNode& node : checked_.nodes) {
      const std::string path = cut_of(node.path);
      if (!made.insert(path).second) continue;
      Box box{.id = path, .path = path, .name = path.substr(path.rfind('/') + 1), .look = look_of(node)};
      box.type = below[path] == 1 ? node.type->name : fmt::format("{} nodes", below[path]);
      if (below[path] > 1) box.look = kLayer;
      if (parent_of(path).empty()) describe(box, node);
      for (const auto& [task, seconds] : options_.seconds)
        if (cut_of(node_of_task(task)) == path) box.seconds += seconds;
      boxes_.push_back(std::move(box));
    }
    for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n)
      wires_of(n, [&](int node) { return cut_of(checked_.nodes[node].path); });
  }

  // A name in the file has a type there.
  void describe(Box& box, const CheckedNode& first) const {
    box.type = first.type->name;
    box.look = look_of(first);
    if (const Tree* entry = nodes_->find(box.name)) {
      if (const Tree* type = entry->find("type")) box.type = type_text(*type);
      if (entry->find("loop")) box.look = kLoop;
      if (entry->find("type") && entry->find("type")->text == "model") box.look = kLayer;
    }
    for (const CheckedLoop& loop : checked_.loops)
      if (loop.path == box.name) box.type = fmt::format("loop, {} times", loop.count);
  }

  std::string type_text(const Tree& type) const {
    if (type.text != "model") return type.text;
    const Tree* of = model_ && model_->is_map() ? model_->find("type") : nullptr;
    return of ? fmt::format("model: {}", of->text) : "model";
  }

  // Every node, in frames for what it is a part of, and the tasks of the backward pass.
  void expanded() {
    const auto id = [&](int node) { return fmt::format("n{}", node); };
    for (int n = 0; n < static_cast<int>(checked_.nodes.size()); ++n) {
      const CheckedNode& node = checked_.nodes[n];
      const bool part = node.loop >= 0 && checked_.loops[node.loop].path == node.path;
      Box box{
          .id = id(n), .path = node.path, .name = node.path, .type = node.type->name, .look = look_of(node)};
      if (part) box.path += node.type->name == "loop" ? "/begin" : "/end", box.look = kLoop;
      if (is_frame(node.path) && !part) box.path += "/itself";
      box.name = box.path.substr(box.path.rfind('/') + 1);
      if (const auto time = options_.seconds.find(node.path); time != options_.seconds.end())
        box.seconds = time->second;
      boxes_.push_back(std::move(box));
      wires_of(n, id);
    }
    const auto drawn = [](const Task& t) {
      return t.kind == Task::Kind::again || t.kind == Task::Kind::backward ||
             t.kind == Task::Kind::accumulate || t.kind == Task::Kind::sum_gradients ||
             t.kind == Task::Kind::exchange;
    };
    for (int t = 0; t < static_cast<int>(plan_.tasks.size()); ++t) {
      const Task& task = plan_.tasks[t];
      if (!drawn(task)) continue;
      const bool sums = task.kind == Task::Kind::sum_gradients;
      Box box{.id = fmt::format("t{}", t),
              .path = task.visits.empty() ? task.name : checked_.nodes[task.visits.front().node].path,
              .type = task.kind == Task::Kind::exchange   ? "exchange"
                      : task.kind == Task::Kind::again    ? "again"
                      : task.kind == Task::Kind::backward ? "backward"
                      : sums                              ? "gradient sum"
                                                          : "weight gradient",
              .look = kBackward};
      box.name = box.path.substr(box.path.rfind('/') + 1);
      if (const auto time = options_.seconds.find(task.name); time != options_.seconds.end())
        box.seconds = time->second;
      if (sums) box.path = node_of_task(task.name);
      boxes_.push_back(std::move(box));
      for (const int b : task.before)
        if (drawn(plan_.tasks[b])) arrows_.insert({fmt::format("t{}", b), fmt::format("t{}", t), "", false});
    }
  }

  void write_long_arrows() {
    std::map<std::string, Box*> of;
    for (Box& b : boxes_) of[b.id] = &b;
    for (const Arrow& a : take_long_arrows(arrows_, kLongestArrow)) {
      Box &from = *of.at(a.from), &to = *of.at(a.to);
      from.far.push_back("↓ " + to.path);
      to.far.push_back("↑ " + from.path);
    }
  }

  // Whether nodes lie below this path.
  bool is_frame(const std::string& path) const {
    return std::any_of(checked_.nodes.begin(), checked_.nodes.end(),
                       [&](const CheckedNode& n) { return n.path.starts_with(path + "/"); });
  }

  template <class Id>
  void wires_of(int n, const Id& id) {
    const CheckedNode& node = checked_.nodes[n];
    const auto arrow = [&](int from, const std::string& label, bool order) {
      if (id(from) != id(n)) arrows_.insert({id(from), id(n), label, order});
    };
    for (const CheckedInput& i : node.inputs) arrow(i.from.node, label_of(i.spec), false);
    for (const int a : node.after) arrow(a, "", true);
    if (node.when.node >= 0) arrow(node.when.node, "when", true);
    if (node.group >= 0 && (n == 0 || checked_.nodes[n - 1].group != node.group))
      arrow(checked_.groups[node.group].loss.node, "minimized", true);
  }

  void clusters(const std::string& path, int level, std::string& text) const {
    const std::string margin(static_cast<std::size_t>(2 * level), ' ');
    std::set<std::string> below;
    for (const Box& b : boxes_) {
      const std::string parent = parent_of(b.path);
      if (parent == path) {
        text += margin + box(b);
      } else if (path.empty() || parent.starts_with(path + "/")) {
        const std::size_t from = path.empty() ? 0 : path.size() + 1;
        below.insert(parent.substr(0, parent.find('/', from)));
      }
    }
    for (const std::string& frame : below) {
      text += fmt::format(
          "{}subgraph \"cluster_{}\" {{\n{}  graph [label=\"{}\", style=rounded, color=\"#b9b9bd\", "
          "fontcolor=\"#55555a\"]\n",
          margin, frame, margin, frame.substr(frame.rfind('/') + 1));
      clusters(frame, level + 1, text);
      text += margin + "}\n";
    }
  }

  std::string box(const Box& b) const {
    const double share = all_seconds_ > 0 ? b.seconds / all_seconds_ : 0;
    const std::string time =
        all_seconds_ > 0 ? fmt::format("<BR/><FONT POINT-SIZE=\"9\">{:.1f} %</FONT>", 100 * share) : "";
    const std::string type =
        b.type == b.name
            ? ""
            : fmt::format("<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#55555a\">{}</FONT>", escaped(b.type));
    return fmt::format("\"{}\" [label=<<B>{}</B>{}{}{}>, fillcolor=\"{}\", color=\"{}\", tooltip=\"{}\"]\n",
                       b.id, escaped(b.name), type, time, far_text(b),
                       all_seconds_ > 0 ? heat(share) : b.look.fill, b.look.line,
                       fmt::join(tooltip_of(b), "&#10;"));
  }

  // The first few; the tooltip has all.
  static std::string far_text(const Box& b) {
    constexpr std::size_t kMost = 2;
    std::string text;
    const auto line = [&](const std::string& words) {
      text += fmt::format("<BR/><FONT POINT-SIZE=\"9\" COLOR=\"#8468b3\">{}</FONT>", escaped(words));
    };
    for (std::size_t i = 0; i < std::min(kMost, b.far.size()); ++i) line(b.far[i]);
    if (b.far.size() > kMost) line(fmt::format("and {} more", b.far.size() - kMost));
    return text;
  }

  static std::vector<std::string> tooltip_of(const Box& b) {
    std::vector<std::string> lines{b.path};
    lines.insert(lines.end(), b.far.begin(), b.far.end());
    return lines;
  }

  const Checked& checked_;
  const Plan& plan_;
  const Tree *nodes_, *model_;
  const DrawingOptions& options_;
  double all_seconds_ = 0;
  std::vector<Box> boxes_;
  std::set<Arrow> arrows_;
};

}  // namespace

int deepest(const Checked& checked) {
  std::ptrdiff_t most = 0;
  for (const CheckedNode& node : checked.nodes) most = std::max(most, std::ranges::count(node.path, '/'));
  return static_cast<int>(most);
}

std::string drawing(const Planned& planned, const Tree& file, const DrawingOptions& options) {
  return Drawing(planned, file, options).dot();
}

}  // namespace dagfusion
