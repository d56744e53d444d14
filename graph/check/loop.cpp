// A loop: a head that puts out the carried values, the body's nodes, and a tail that takes what comes next.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/document/number.h"
#include "graph/types/builtin.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

// A part of the loop that must be a map; an empty one stands for what is absent.
const Tree& part(const Tree& loop, const char* key, bool needed, const std::string& owner, const char* what) {
  static const Tree none;
  const Tree* found = loop.find(key);
  if (!found && needed) throw UserError(loop.where, fmt::format("{}: '{}' is missing: {}", owner, key, what));
  if (found && !found->is_map())
    throw UserError(found->where, fmt::format("{}: '{}' must be a map: {}", owner, key, what));
  return found ? *found : none;
}

}  // namespace

Named Checking::check_loop(const Entry& entry, const Scope& scope, const std::string& prefix) {
  const std::string path = prefix + entry.key;
  const std::string owner = owner_of(path, "loop");
  refuse_other_keys(entry.value, {"loop", "doc"}, owner, faults);
  const Tree& tree = *entry.value.find("loop");
  if (!tree.is_map())
    throw UserError(tree.where, fmt::format("{}: 'loop' must be a map with each, carry, nodes, next", owner));
  if (current_loop >= 0)
    throw UserError(entry.where, fmt::format("{}: loops do not stand inside loops", owner));
  const std::vector<std::string> meant = refuse_other_keys(tree, kLoopKeys, owner, faults);
  for (const char* key : {"each", "carry", "nodes", "next"})
    if (!tree.find(key) && std::find(meant.begin(), meant.end(), key) != meant.end())
      throw UserError(std::vector<Fault>{});  // that it is missing is reported already
  const Tree& carry = part(tree, "carry", true, owner, "names of the carried values and where they start");
  const Tree& body = part(tree, "nodes", true, owner, "the nodes of the body");
  const Tree& next =
      part(tree, "next", true, owner, "for each carried value, what it is in the next iteration");
  const Tree& collect = part(tree, "collect", false, owner, "names of values to keep from the iterations");
  if (carry.entries.empty()) throw UserError(carry.where, fmt::format("{}: 'carry' names no value", owner));

  CheckedLoop loop{.path = path, .carried = static_cast<int>(carry.entries.size())};
  CheckedNode head{.path = path, .type = &loop_head(), .where = entry.where};
  std::optional<TensorSpec> first;
  bool good = true;
  for (const Entry& e : carry.entries) {
    if (e.value.text == "zeros" && !e.value.quoted) {
      if (!first)
        throw UserError(
            e.value.where,
            fmt::format("{}: the first carried value cannot be zeros: it gives the shape", owner));
      head.outputs.push_back({.port = e.key, .spec = *first});
      continue;
    }
    const std::optional<Wire> from = look_up(e.value, scope, owner);
    if (!from || broken(*from)) {
      good = false;
      continue;
    }
    if (!first) first = spec(*from);
    head.inputs.push_back({.port = e.key, .from = *from, .spec = spec(*from)});
    head.outputs.push_back({.port = e.key, .spec = spec(*from)});
  }
  if (!good) throw UserError(std::vector<Fault>{});
  loop.head = static_cast<int>(checked.nodes.size());
  current_loop = static_cast<int>(checked.loops.size());
  head.loop = current_loop;
  checked.nodes.push_back(std::move(head));
  checked.loops.push_back(loop);

  Named made;
  try {
    Scope inside{.parent = &scope};
    Named carried{.node = loop.head};
    for (int i = 0; i < loop.carried; ++i) carried.ports[carry.entries[i].key] = {loop.head, i};
    carried.main = carry.entries.size() == 1 ? carry.entries[0].key : "";
    inside.names["carry"] = carried;
    const Tree* each = tree.find("each");
    if (!each)
      throw UserError(
          tree.where,
          fmt::format("{}: 'each' is missing: the node that counts, such as ddim_timesteps", owner));
    inside.names["each"] = check_entry(Entry{"each", each->where, *each}, inside, path + "/");
    const int each_node = inside.names["each"].node;
    if (!inside.names["each"].broken) {
      const auto* times =
          each_node < 0 ? nullptr : dynamic_cast<const Times*>(checked.nodes[each_node].node.get());
      if (!times)
        throw UserError(each->where,
                        fmt::format("{}: 'each' does not count iterations; it must be a list of times, "
                                    "such as ddim_timesteps",
                                    owner));
      checked.loops[current_loop].each = each_node;
      checked.loops[current_loop].count = times->count();
    }
    check_nodes(body, inside, path + "/");

    CheckedNode tail{.path = path, .type = &loop_tail(), .where = entry.where, .loop = current_loop};
    made.node = static_cast<int>(checked.nodes.size());
    for (int i = 0; i < loop.carried; ++i) {
      const std::string& name = carry.entries[i].key;
      const Tree* reference = next.find(name);
      if (!reference)
        throw UserError(next.where, fmt::format("{}: 'next' lacks '{}', which is carried", owner, name));
      std::optional<Wire> from = look_up(*reference, inside, owner);
      if (!from || broken(*from)) throw UserError(std::vector<Fault>{});
      const TensorSpec& carried_spec = checked.nodes[loop.head].outputs[i].spec;
      if (spec(*from).shape != carried_spec.shape || !convertible(spec(*from).dtype, carried_spec.dtype))
        throw UserError(reference->where, fmt::format("{}: '{}' starts as {}, but the next one is {}", owner,
                                                      name, to_string(carried_spec), to_string(spec(*from))));
      from = in_form(*from, carried_spec.dtype, carried_spec.block);
      tail.inputs.push_back({.port = name, .from = *from, .spec = spec(*from)});
      tail.outputs.push_back({.port = name, .spec = spec(*from)});
    }
    std::vector<std::string> carried_names = carry.keys();
    for (const Entry& e : next.entries)
      if (std::find(carried_names.begin(), carried_names.end(), e.key) == carried_names.end())
        fault(e.where, fmt::format("{}: 'next' has '{}', which is not carried{}", owner, e.key,
                                   suggestion(e.key, carried_names)));
    int every = 1;
    if (const Tree* t = collect.find("every")) {
      std::int64_t number = 0;
      const bool counts = t->is_scalar() && is_integer(t->text) && parse(t->text, number) && number > 0;
      if (!counts)
        throw UserError(t->where,
                        fmt::format("{}: 'every' of 'collect' is {}; it must be a number of iterations, 1 "
                                    "or more",
                                    owner, described(*t)));
      every = static_cast<int>(std::min<std::int64_t>(number, checked.loops[current_loop].count));
    }
    for (const Entry& e : collect.entries) {
      if (e.key == "every") continue;
      std::optional<Wire> from = look_up(e.value, inside, owner);
      if (!from || broken(*from)) throw UserError(std::vector<Fault>{});
      from = in_form(*from, spec(*from).dtype == DType::bf16 ? DType::f32 : spec(*from).dtype, 1);
      TensorSpec strip = spec(*from);
      const int count = checked.loops[current_loop].count;
      if (strip.shape.empty() || strip.dtype == DType::images)
        throw UserError(e.value.where, fmt::format("{}: '{}' is {}, which cannot be collected", owner,
                                                   e.value.text, to_string(strip)));
      strip.shape.insert(strip.shape.begin() + 1, (count + every - 1) / every);
      tail.inputs.push_back({.port = "collect." + e.key, .from = *from, .spec = spec(*from)});
      tail.outputs.push_back({.port = "collect." + e.key, .spec = strip});
      checked.loops[current_loop].collect_every.push_back(every);
    }
    made.node = static_cast<int>(checked.nodes.size());
    checked.loops[current_loop].tail = made.node;
    for (std::size_t i = 0; i < tail.outputs.size(); ++i)
      made.ports[tail.outputs[i].port] = {made.node, static_cast<int>(i)};
    if (loop.carried == 1) made.main = carry.entries[0].key;
    checked.nodes.push_back(std::move(tail));
  } catch (...) {
    current_loop = -1;
    throw;
  }
  current_loop = -1;
  return made;
}

}  // namespace dagfusion
