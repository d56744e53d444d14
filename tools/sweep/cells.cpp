#include "tools/sweep/cells.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/compose/block.h"
#include "nodes/catalog.h"
#include "tools/launch/stop_signals.h"

namespace dagfusion {
namespace {

constexpr const char* kNoOutputYet = "runs";  // while cells are only checked

bool is_of_sweep(const Override& o) { return o.text.starts_with("sweep."); }

// `sweep.seeds=[1]`: a key that the section may have need not be there.
void change_sweep(Tree& sweep, Change change, const Catalog& types) {
  Tree root{.kind = Tree::Kind::map, .where = sweep.where};
  root.entries.push_back({"sweep", sweep.where, std::move(sweep)});
  const std::string key = change.path.substr(change.path.find('.') + 1);
  const Tree& section = root.entries.front().value;
  if (change.kind == Change::Kind::set && section.is_map() && key.find('.') == std::string::npos &&
      !section.find(key))
    change.kind = Change::Kind::add;
  std::vector<std::string> notes;
  apply(root, change, types, notes);
  sweep = std::move(root.entries.front().value);
}

}  // namespace

SweepCells::SweepCells(const Asked& asked)
    : file_(asked.file), threads_(asked.threads), composed_(compose(asked.file, asked.plugins)) {
  if (composed_.sweep.is_null()) {
    const bool empty = composed_.sweep.where.line > 0;
    throw UserError(empty ? composed_.sweep.where : Position{asked.file.string(), 1, 1},
                    empty ? "section 'sweep' is empty; it says axes, seeds and a metric"
                          : "this file has no section 'sweep': axes, seeds and a metric");
  }
  for (const Override& o : asked.overrides)
    if (is_of_sweep(o)) change_sweep(composed_.sweep, read_override(o), catalog());
  plan_ = read_sweep(composed_.sweep, asked.file);
  if (!asked.only.empty()) keep_only(asked.only);
  compose_all(asked);
  refuse_other_scales(plan_, files_, with_own_types(catalog(), composed_.file));
}

void SweepCells::check() const {
  for_each([&](std::size_t cell) {
    refuse_missing_metric(plan_.metric, plan_file(run_of(cell, 0, kNoOutputYet)).checked);
  });
}

Invocation SweepCells::run_of(std::size_t cell, std::size_t seed, const std::string& output) const {
  Invocation made{.file = file_, .threads = threads_, .composed = files_[cell]};
  made.overrides = {{Override::Kind::set, fmt::format("run.seed={}", plan_.seeds[seed])},
                    {Override::Kind::set, fmt::format("run.output='{}'", output)}};
  return made;
}

void SweepCells::keep_only(const std::string& name) {
  std::vector<std::string> names;
  for (const SweepCell& c : plan_.cells) names.push_back(c.name);
  const std::string baseline = plan_.cells[plan_.baseline].name;
  std::erase_if(plan_.cells, [&](const SweepCell& c) { return c.name != name && c.name != baseline; });
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw UserError({"command line"}, fmt::format("no cell '{}'{}", name, suggestion(name, names)));
  for (plan_.baseline = 0; plan_.cells[plan_.baseline].name != baseline;) ++plan_.baseline;
}

// Every cell's file, its variables not put in yet; all faults of all cells together.
void SweepCells::compose_all(const Asked& asked) {
  std::vector<Change> typed;
  for (const Override& o : asked.overrides)
    if (!is_of_sweep(o)) refuse_own_values(typed.emplace_back(read_override(o)));
  const Catalog types = with_own_types(catalog(), composed_.file);
  for_each([&](std::size_t cell) {
    Tree& file = files_.emplace_back(composed_.file);
    std::vector<std::string>& notes = notes_.emplace_back();
    for (const Change& change : typed) apply(file, change, types, notes);
    for (const Change& change : plan_.cells[cell].changes) apply(file, change, types, notes);
  });
}

// The faults of all cells together, each shown once, with the cells that have it.
void SweepCells::for_each(const std::function<void(std::size_t)>& work) const {
  std::vector<std::pair<Fault, std::vector<std::string>>> found;
  for (std::size_t cell = 0; cell < plan_.cells.size(); ++cell) {
    throw_if_stop_asked();
    try {
      work(cell);
    } catch (const UserError& e) {
      for (const Fault& f : e.faults()) {
        const auto known = std::find_if(found.begin(), found.end(),
                                        [&](const auto& seen) { return says_the_same(seen.first, f); });
        (known == found.end() ? found.emplace_back(f, std::vector<std::string>()) : *known)
            .second.push_back(plan_.cells[cell].name);
      }
    }
  }
  std::vector<Fault> faults;
  for (auto& [fault, cells] : found) {
    if (cells.size() < plan_.cells.size())
      fault.message += fmt::format(" (cell {})", fmt::join(cells, ", cell "));
    faults.push_back(std::move(fault));
  }
  if (!faults.empty()) throw UserError(std::move(faults));
}

}  // namespace dagfusion
