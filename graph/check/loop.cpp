// A loop: a head that puts out the carried values, the body's nodes, and a tail that takes what comes next.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/check/checking.h"
#include "graph/document/number.h"
#include "graph/types/builtin.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

class LoopCheck {
 public:
  LoopCheck(Checking& checking, const Entry& entry, const Scope& around, const std::string& prefix)
      : checking_(checking),
        checked_(checking.checked),
        entry_(entry),
        around_(around),
        path_(prefix + entry.key),
        owner_(owner_of(path_, "loop")) {}

  Named made() {
    read_parts();
    add_head();
    const Temporarily<int> in_this_loop(checking_.current_loop, static_cast<int>(checked_.loops.size()) - 1);
    Scope inside{.parent = &around_};
    inside.names["carry"] = carried();
    count_iterations(inside);
    checking_.check_nodes(*body_, inside, path_ + "/");
    tail_ = {.path = path_, .type = &loop_tail(), .where = entry_.where, .loop = checking_.current_loop};
    hand_on(inside);
    collect(inside);
    return add_tail();
  }

 private:
  CheckedLoop& loop() { return checked_.loops[checking_.current_loop]; }
  const TensorSpec& spec(Wire wire) const { return checking_.spec(wire); }

  [[noreturn]] void fail(const Position& where, const std::string& what) const {
    throw UserError(where, fmt::format("{}: {}", owner_, what));
  }

  // A part of the loop that must be a map; an empty one stands for what is absent.
  const Tree& part(const char* key, bool needed, const char* what) const {
    static const Tree none;
    const Tree* found = tree_->find(key);
    if (!found && needed) fail(tree_->where, fmt::format("'{}' is missing: {}", key, what));
    if (found && !found->is_map()) fail(found->where, fmt::format("'{}' must be a map: {}", key, what));
    return found ? *found : none;
  }

  void read_parts() {
    refuse_other_keys(entry_.value, {"loop", "doc"}, owner_, checking_.faults);
    tree_ = entry_.value.find("loop");
    if (!tree_->is_map()) fail(tree_->where, "'loop' must be a map with each, carry, nodes, next");
    if (checking_.current_loop >= 0) fail(entry_.where, "loops do not stand inside loops");
    const std::vector<std::string> meant = refuse_other_keys(*tree_, kLoopKeys, owner_, checking_.faults);
    for (const char* key : {"each", "carry", "nodes", "next"})  // a misspelt one is not missing as well
      if (!tree_->find(key) && std::find(meant.begin(), meant.end(), key) != meant.end())
        throw AlreadyReported();
    carry_ = &part("carry", true, "names of the carried values and where they start");
    body_ = &part("nodes", true, "the nodes of the body");
    next_ = &part("next", true, "for each carried value, what it is in the next iteration");
    collect_ = &part("collect", false, "names of values to keep from the iterations");
    if (carry_->entries.empty()) fail(carry_->where, "'carry' names no value");
  }

  // The node that puts out the carried values: those of the graph around it at first, then those of the tail.
  void add_head() {
    CheckedNode head{.path = path_, .type = &loop_head(), .where = entry_.where};
    std::optional<TensorSpec> first;
    bool good = true;
    for (const Entry& e : carry_->entries) {
      if (e.value.text == "zeros" && !e.value.quoted) {
        if (!good) continue;  // what gives the shape had a fault
        if (!first) fail(e.value.where, "the first carried value cannot be zeros: it gives the shape");
        head.outputs.push_back({.port = e.key, .spec = *first});
        continue;
      }
      const std::optional<Wire> from = checking_.look_up(e.value, around_, owner_);
      if (!from || checking_.broken(*from)) {
        good = false;
        continue;
      }
      if (!first) first = spec(*from);
      head.inputs.push_back({.port = e.key, .from = *from, .spec = spec(*from)});
      head.outputs.push_back({.port = e.key, .spec = spec(*from)});
    }
    if (!good) throw AlreadyReported();
    head_ = static_cast<int>(checked_.nodes.size());
    head.loop = static_cast<int>(checked_.loops.size());
    checked_.nodes.push_back(std::move(head));
    checked_.loops.push_back(
        {.path = path_, .head = head_, .carried = static_cast<int>(carry_->entries.size())});
  }

  Named carried() {
    Named named{.node = head_};
    for (int i = 0; i < loop().carried; ++i) named.ports[carry_->entries[i].key] = {head_, i};
    named.main = loop().carried == 1 ? carry_->entries[0].key : "";
    return named;
  }

  // `each`: the node that says how many iterations there are.
  void count_iterations(Scope& inside) {
    const Tree* each = tree_->find("each");
    if (!each) fail(tree_->where, fmt::format("'each' is missing: the node that counts{}", such_as_counts()));
    const Named named = checking_.check_entry(Entry{"each", each->where, *each}, inside, path_ + "/");
    inside.names["each"] = named;
    if (named.broken) return;
    const auto* times =
        named.node < 0 ? nullptr : dynamic_cast<const Times*>(checked_.nodes[named.node].node.get());
    if (!times)
      fail(each->where,
           fmt::format("'each' does not count iterations; it must be a list of times{}", such_as_counts()));
    loop().each = named.node;
    loop().count = times->count();
  }

  std::string such_as_counts() const {
    const std::vector<std::string> types =
        checking_.catalog.names([](const NodeType& type) { return type.counts_iterations; });
    return types.empty() ? "" : fmt::format(", such as {}", fmt::join(types, ", "));
  }

  // `next`: what each carried value is in the next iteration, in the form in which it started.
  void hand_on(const Scope& inside) {
    for (int i = 0; i < loop().carried; ++i) {
      const std::string& name = carry_->entries[i].key;
      const Tree* reference = next_->find(name);
      if (!reference) fail(next_->where, fmt::format("'next' lacks '{}', which is carried", name));
      const Wire from = checking_.need(*reference, inside, owner_);
      const TensorSpec start = checked_.nodes[head_].outputs[i].spec;
      if (spec(from).shape != start.shape || !convertible(spec(from).dtype, start.dtype))
        fail(reference->where, fmt::format("'{}' starts as {}, but the next one is {}", name,
                                           to_string(start), to_string(spec(from))));
      add_to_tail(name, checking_.in_form(from, start.dtype, start.block), start);
    }
    const std::vector<std::string> names = carry_->keys();
    for (const Entry& e : next_->entries)
      if (std::find(names.begin(), names.end(), e.key) == names.end())
        checking_.fault(e.where, fmt::format("{}: 'next' has '{}', which is not carried{}", owner_, e.key,
                                             suggestion(e.key, names)));
  }

  // `collect`: values of the iterations, side by side behind the loop.
  void collect(const Scope& inside) {
    const int every = collect_every(), strips = (loop().count + every - 1) / every;
    for (const Entry& e : collect_->entries) {
      if (e.key == "every") continue;
      Wire from = checking_.need(e.value, inside, owner_);
      from = checking_.in_form(from, spec(from).dtype == DType::bf16 ? DType::f32 : spec(from).dtype, 1);
      TensorSpec strip = spec(from);
      if (strip.shape.empty() || strip.dtype == DType::images)
        fail(e.value.where,
             fmt::format("'{}' is {}, which cannot be collected", e.value.text, to_string(strip)));
      strip.shape.insert(strip.shape.begin() + 1, strips);
      add_to_tail("collect." + e.key, from, std::move(strip));
      loop().collect_every.push_back(every);
    }
  }

  int collect_every() {
    const Tree* every = collect_->find("every");
    if (!every) return 1;
    std::int64_t number = 0;
    const bool counts =
        every->is_scalar() && is_integer(every->text) && parse(every->text, number) && number > 0;
    if (!counts)
      fail(every->where,
           fmt::format("'every' of 'collect' is {}; it must be a number of iterations, 1 or more",
                       described(*every)));
    return static_cast<int>(std::min<std::int64_t>(number, loop().count));
  }

  void add_to_tail(const std::string& port, Wire from, TensorSpec out) {
    tail_.inputs.push_back({.port = port, .from = from, .spec = spec(from)});
    tail_.outputs.push_back({.port = port, .spec = std::move(out)});
  }

  Named add_tail() {
    Named made{.node = static_cast<int>(checked_.nodes.size())};
    loop().tail = made.node;
    for (std::size_t i = 0; i < tail_.outputs.size(); ++i)
      made.ports[tail_.outputs[i].port] = {made.node, static_cast<int>(i)};
    if (loop().carried == 1) made.main = carry_->entries[0].key;
    checked_.nodes.push_back(std::move(tail_));
    return made;
  }

  Checking& checking_;
  Checked& checked_;
  const Entry& entry_;
  const Scope& around_;
  const std::string path_, owner_;
  const Tree *tree_ = nullptr, *carry_ = nullptr, *body_ = nullptr, *next_ = nullptr, *collect_ = nullptr;
  int head_ = -1;
  CheckedNode tail_;
};

}  // namespace

Named Checking::check_loop(const Entry& entry, const Scope& scope, const std::string& prefix) {
  return LoopCheck(*this, entry, scope, prefix).made();
}

}  // namespace dagfusion
