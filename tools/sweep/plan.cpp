#include "tools/sweep/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/document/home_path.h"
#include "graph/types/value.h"
#include "tools/show/trees.h"

namespace dagfusion {

namespace {

struct Case {
  std::string name;
  std::vector<Change> changes;
};
struct Axis {
  std::string name;
  std::vector<Case> cases;
};

// Cells are directories.
void check_name(const std::string& name, const Position& where) {
  const bool good = !name.empty() && name.find_first_of("/,=\n") == std::string::npos && name.front() != '.';
  if (!good)
    throw UserError(
        where, fmt::format("'{}' cannot name a case: its runs get directories of that name, so it holds no "
                           "'/', ',' or '='; give the axis a map of named cases",
                           name));
}

// "model/mid/attention.heads" -> "heads"
std::string axis_name(const std::string& path) { return path.substr(path.find_last_of("./") + 1); }

Axis read_values(const Entry& e) {
  Axis axis{.name = axis_name(e.key), .cases = {}};
  for (const Tree& value : e.value.items) {
    const std::string name = without_brackets(value);
    check_name(name, value.where);
    axis.cases.push_back({name, {{Change::Kind::set, e.key, e.where, value}}});
  }
  return axis;
}

Axis read_cases(const Entry& e) {
  Axis axis{.name = e.key, .cases = {}};
  check_name(e.key, e.where);
  for (const Entry& c : e.value.entries) {
    check_name(c.key, c.where);
    if (!c.value.is_map() && !c.value.is_null())
      throw UserError(c.value.where,
                      fmt::format("the case '{}' must be a map with set, replace, remove or insert", c.key));
    for (const Entry& change : c.value.entries)
      if (std::find(kChangeKeys.begin(), kChangeKeys.end(), change.key) == kChangeKeys.end())
        throw UserError(change.where, fmt::format("unknown key '{}' in the case '{}'{}", change.key, c.key,
                                                  suggestion(change.key, kChangeKeys)));
    axis.cases.push_back({c.key, read_changes(c.value)});
  }
  return axis;
}

std::vector<Axis> read_axes(const Tree& sweep) {
  std::vector<Axis> axes;
  const Tree* given = sweep.find("axes");
  if (!given) return axes;
  if (!given->is_map())
    throw UserError(given->where,
                    "'axes' must be a map: paths with lists of values, or names with maps of cases");
  for (const Entry& e : given->entries) {
    if (!e.value.is_list() && !e.value.is_map())
      throw UserError(e.value.where,
                      fmt::format("the axis '{}' must be a list of values, or a map of named cases", e.key));
    axes.push_back(e.value.is_list() ? read_values(e) : read_cases(e));
    if (axes.back().cases.empty())
      throw UserError(e.value.where, fmt::format("the axis '{}' has no case", e.key));
    for (std::size_t i = 0; i + 1 < axes.size(); ++i)
      if (axes[i].name == axes.back().name)
        throw UserError(e.where,
                        fmt::format("there is an axis '{}' already; give this one a map of named cases",
                                    axes.back().name));
    for (std::size_t i = 0; i < axes.back().cases.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (axes.back().cases[i].name == axes.back().cases[j].name)
          throw UserError(e.where, fmt::format("the axis '{}' has the value '{}' twice", e.key,
                                               axes.back().cases[i].name));
  }
  return axes;
}

// {loss: huber, schedule: linear}: cases by axis; a fault when there is no such axis or case.
std::map<std::string, std::string> read_choice(const Tree& tree, const std::vector<Axis>& axes,
                                               const char* what) {
  if (!tree.is_map()) throw UserError(tree.where, fmt::format("{} must be a map from axes to cases", what));
  std::map<std::string, std::string> choice;
  for (const Entry& e : tree.entries) {
    std::vector<std::string> names, cases;
    for (const Axis& a : axes) {
      names.push_back(a.name);
      if (a.name == e.key)
        for (const Case& c : a.cases) cases.push_back(c.name);
    }
    if (cases.empty())
      throw UserError(e.where, fmt::format("{}: no axis '{}'{}", what, e.key, suggestion(e.key, names)));
    const std::string name = without_brackets(e.value);
    if (std::find(cases.begin(), cases.end(), name) == cases.end())
      throw UserError(e.value.where, fmt::format("{}: the axis '{}' has no case '{}'{}", what, e.key, name,
                                                 suggestion(name, cases)));
    choice[e.key] = name;
  }
  return choice;
}

bool matches(const SweepCell& cell, const std::map<std::string, std::string>& choice) {
  return std::all_of(choice.begin(), choice.end(),
                     [&](const auto& c) { return cell.cases.at(c.first) == c.second; });
}

void add_cells(const std::vector<Axis>& axes, std::size_t axis, SweepCell cell,
               std::vector<SweepCell>& cells) {
  if (axis == axes.size()) {
    if (cell.name.empty()) cell.name = "all";
    cells.push_back(std::move(cell));
    return;
  }
  for (const Case& c : axes[axis].cases) {
    SweepCell next = cell;
    next.name += fmt::format("{}{}={}", next.name.empty() ? "" : ",", axes[axis].name, c.name);
    next.cases[axes[axis].name] = c.name;
    next.changes.insert(next.changes.end(), c.changes.begin(), c.changes.end());
    add_cells(axes, axis + 1, std::move(next), cells);
  }
}

SweepMetric read_metric(const Tree& tree) {
  std::vector<Fault> faults;
  const Parameters p = Parameters::read(tree,
                                        {{.name = "file",
                                          .kind = Kind::text,
                                          .doc = "CSV file of a run or of its previews",
                                          .standard = std::string("metrics.csv")},
                                         {.name = "column",
                                          .kind = Kind::text,
                                          .doc = "column of that file; its last number counts",
                                          .required = true},
                                         {.name = "better",
                                          .kind = Kind::choice,
                                          .doc = "which way is better",
                                          .standard = std::string("smaller"),
                                          .choices = {"smaller", "larger"}}},
                                        {}, "'metric'", faults);
  if (!faults.empty()) throw UserError(std::move(faults));
  const auto place_of = [&](const char* key) {
    const Tree* value = tree.find(key);
    return value ? value->where : tree.where;
  };
  return {p.text("file"), p.text("column"), p.text("better") == "larger",
          tree.where,     place_of("file"), place_of("column")};
}

}  // namespace

SweepPlan read_sweep(const Tree& sweep, const std::filesystem::path& file) {
  std::vector<Fault> faults;
  const Parameters p = Parameters::read(sweep,
                                        {{.name = "seeds",
                                          .kind = Kind::integers,
                                          .doc = "run.seed of each cell's runs",
                                          .required = true,
                                          .minimum = 0},
                                         {.name = "output",
                                          .kind = Kind::text,
                                          .doc = "where the sweep gets a numbered directory",
                                          .standard = "runs/" + file.stem().string()}},
                                        {"axes", "exclude", "baseline", "metric"}, "section 'sweep'", faults);
  if (sweep.is_map() && !sweep.find("metric"))
    faults.push_back(
        {sweep.where, "section 'sweep': 'metric' is missing, like {file: distance.csv, column: distance}"});
  if (!faults.empty()) throw UserError(std::move(faults));
  SweepPlan plan{.seeds = p.integers("seeds"), .output = with_home(p.text("output"), p.where())};
  if (plan.seeds.empty())
    p.fail("seeds", "'seeds' is empty; from three on there is an interval worth reading");
  for (std::size_t i = 0; i < plan.seeds.size(); ++i)
    if (std::count(plan.seeds.begin(), plan.seeds.end(), plan.seeds[i]) > 1)
      p.fail("seeds", fmt::format("'seeds' holds {} twice", plan.seeds[i]));
  plan.metric = read_metric(*sweep.find("metric"));
  const std::vector<Axis> axes = read_axes(sweep);
  for (const Axis& a : axes) {
    plan.axes.push_back(a.name);
    for (const Case& c : a.cases)
      for (const Change& change : c.changes) refuse_own_values(change);
  }
  add_cells(axes, 0, {}, plan.cells);
  if (const Tree* exclude = sweep.find("exclude")) {
    if (!exclude->is_list())
      throw UserError(exclude->where, "'exclude' must be a list of maps from axes to cases");
    for (const Tree& e : exclude->items) {
      const auto choice = read_choice(e, axes, "'exclude'");
      std::erase_if(plan.cells, [&](const SweepCell& c) { return matches(c, choice); });
    }
  }
  if (plan.cells.empty()) throw UserError(sweep.where, "'exclude' leaves no cell of the sweep");
  if (const Tree* baseline = sweep.find("baseline")) {
    const auto choice = read_choice(*baseline, axes, "'baseline'");
    const auto fits = [&](const SweepCell& c) { return matches(c, choice); };
    const auto found = std::find_if(plan.cells.begin(), plan.cells.end(), fits);
    const auto many = std::count_if(plan.cells.begin(), plan.cells.end(), fits);
    if (many != 1)
      throw UserError(
          baseline->where,
          fmt::format("'baseline' fits {} cells; it must name one, with a case of every axis", many));
    plan.baseline = static_cast<std::size_t>(found - plan.cells.begin());
  }
  return plan;
}

void refuse_own_values(const Change& change) {
  if (change.path == "run.seed" || change.path == "run.output")
    throw UserError(change.where, fmt::format("'{}' is set by the sweep itself, from its '{}'", change.path,
                                              change.path == "run.seed" ? "seeds" : "output"));
}

}  // namespace dagfusion
