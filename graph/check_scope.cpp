// The nodes of one map: found by name, put into an order that respects every edge, and checked one by one.
#include <fmt/format.h>

#include <cctype>
#include <charconv>

#include "graph/checking.h"

namespace dagfusion {

namespace {

std::vector<std::string> visible_names(const Scope& scope) {
  std::vector<std::string> names;
  for (const Scope* s = &scope; s; s = s->parent)
    for (const auto& [name, named] : s->names) names.push_back(name);
  return names;
}

// Every text below `tree` that may name a node: inputs, after, minimize, and those inside a loop's body.
void references(const Tree& tree, std::vector<const Tree*>& found) {
  if (tree.is_scalar()) found.push_back(&tree);
  for (const Tree& item : tree.items) references(item, found);
  for (const Entry& e : tree.entries) references(e.value, found);
}

// What a node's entry refers to: the scalars below the keys that hold references.
std::vector<const Tree*> references_of(const Tree& node) {
  std::vector<const Tree*> found;
  if (!node.is_map()) return found;
  for (const char* key : {"in", "after", "minimize", "model"})
    if (const Tree* t = node.find(key)) references(*t, found);
  if (const Tree* loop = node.find("loop")) {
    if (const Tree* carry = loop->find("carry")) references(*carry, found);
    if (const Tree* each = loop->find("each"))
      if (const Tree* in = each->find("in")) references(*in, found);
    if (const Tree* body = loop->find("nodes"))
      for (const Entry& e : body->entries)
        for (const Tree* t : references_of(e.value)) found.push_back(t);
  }
  return found;
}

bool good_name(const std::string& name) {
  if (name.empty() || !(std::isalpha(static_cast<unsigned char>(name[0])))) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_'; });
}

}  // namespace

// Depth first in the order of the file: a node comes as early as its inputs allow, and the order never varies.
std::vector<const Entry*> Checking::in_order(const Tree& nodes, const Scope&, const std::string& prefix) {
  std::map<std::string, const Entry*> by_name;
  for (const Entry& e : nodes.entries) by_name.emplace(e.key, &e);
  enum class State { unseen, open, done };
  std::map<std::string, State> state;
  std::vector<const Entry*> order;
  std::vector<const Entry*> stack;
  const std::function<bool(const Entry&)> visit = [&](const Entry& e) {
    State& s = state[e.key];
    if (s == State::done) return true;
    if (s == State::open) {
      std::string cycle;
      auto from = std::find(stack.begin(), stack.end(), &e);
      for (; from != stack.end(); ++from) cycle += prefix + (*from)->key + " <- ";
      fault(e.where, fmt::format("the nodes form a cycle: {}{}{}; only a loop can lead values back", cycle, prefix, e.key));
      return false;
    }
    s = State::open;
    stack.push_back(&e);
    for (const Tree* reference : references_of(e.value)) {
      const auto target = by_name.find(reference->text.substr(0, reference->text.find('.')));
      if (target == by_name.end()) continue;
      // Inside a loop's body a name of the body hides one out here; a node never means itself there.
      if (target->second == &e && e.value.find("loop")) continue;
      if (!visit(*target->second)) return false;
    }
    stack.pop_back();
    state[e.key] = State::done;
    order.push_back(&e);
    return true;
  };
  for (const Entry& e : nodes.entries)
    if (!visit(e)) return {};
  return order;
}

void Checking::check_nodes(const Tree& nodes, Scope& scope, const std::string& prefix) {
  for (const Entry& e : nodes.entries)
    if (!good_name(e.key) || e.key == "carry" || e.key == "each")
      fault(e.where, fmt::format("'{}' cannot name a node; names are letters, digits and _, other than carry and each", e.key));
  for (const Entry* e : in_order(nodes, scope, prefix)) {
    Named named;
    try {
      named = check_entry(*e, scope, prefix);
    } catch (const UserError& error) {
      add(error);
      named.broken = true;
    }
    scope.names.insert_or_assign(e->key, std::move(named));
  }
}

std::optional<Wire> Checking::look_up(const Tree& reference, const Scope& scope, const std::string& owner) {
  if (!reference.is_scalar()) {
    fault(reference.where, fmt::format("{}: an input is the name of a node, or of one of its ports: 'name.port'", owner));
    return std::nullopt;
  }
  const std::size_t dot = reference.text.find('.');
  const std::string name = reference.text.substr(0, dot);
  const std::string port = dot == std::string::npos ? "" : reference.text.substr(dot + 1);
  for (const Scope* s = &scope; s; s = s->parent) {
    const auto found = s->names.find(name);
    if (found == s->names.end()) continue;
    const Named& named = found->second;
    if (named.broken) return Wire{};
    const auto wire = named.ports.find(port.empty() ? named.main : port);
    if (wire != named.ports.end()) return wire->second;
    std::vector<std::string> ports;
    for (const auto& [p, w] : named.ports) ports.push_back(p);
    if (ports.empty())
      fault(reference.where, fmt::format("{}: '{}' puts nothing out", owner, name));
    else if (port.empty())
      fault(reference.where, fmt::format("{}: say which output of '{}'{}", owner, name, suggestion("", ports)));
    else
      fault(reference.where, fmt::format("{}: '{}' has no output '{}'{}", owner, name, port, suggestion(port, ports)));
    return std::nullopt;
  }
  fault(reference.where, fmt::format("{}: no node '{}'{}", owner, name, suggestion(name, visible_names(scope))));
  return std::nullopt;
}

Every Checking::read_every(const Tree& tree, const std::string& owner) {
  Every every;
  double number = 0;
  const std::string& text = tree.text;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const bool whole = number == static_cast<double>(static_cast<std::int64_t>(number));
  if (tree.is_scalar() && error == std::errc() && number > 0 && number < 1e12) {
    if (unit.empty() && whole) {
      every.steps = static_cast<std::int64_t>(number);
      return every;
    }
    const double seconds = unit == "s" ? 1 : unit == "min" ? 60 : unit == "h" ? 3600 : 0;
    if (seconds > 0) {
      every.steps = 0;
      every.seconds = number * seconds;
      return every;
    }
  }
  fault(tree.where, fmt::format("{}: 'every' is '{}'; it must be a number of steps, or a time like 30s, 15min, 2h", owner, text));
  return every;
}

// The first call says what the model takes; a checkpoint said it before.
void Checking::take_model_input(const Request& call, const std::string& owner) {
  if (call.type->inputs.empty()) return;
  const auto main = call.in.find(call.type->inputs.front().name);
  if (main == call.in.end() || broken(main->second) || spec(main->second).shape.empty()) return;
  const Shape& given = spec(main->second).shape;
  const Shape shape(given.begin() + 1, given.end());
  if (checked.model_input.empty()) checked.model_input = shape;
  if (checked.model_input != shape)
    fault(call.in_where.at(main->first), fmt::format("{}: input '{}' holds images {}, but the model was made for {}", owner,
                                                     main->first, to_string(shape), to_string(checked.model_input)));
}

Named Checking::check_entry(const Entry& entry, const Scope& scope, const std::string& prefix) {
  const std::string path = prefix + entry.key;
  const Tree& tree = entry.value;
  if (!tree.is_map()) throw UserError(tree.where, fmt::format("node '{}' must be a map with the key 'type'", path));
  if (tree.find("loop")) return check_loop(entry, scope, prefix);
  const Tree* type_tree = tree.find("type");
  if (!type_tree || !type_tree->is_scalar())
    throw UserError(entry.where, fmt::format("node '{}' lacks the key 'type'", path));
  const std::string& type_name = type_tree->text;
  if (type_name == "run_pipeline") return check_child(entry, scope, prefix);
  const std::string owner = owner_of(path, type_name);

  Request request{.path = path, .weight_path = path, .where = entry.where};
  std::vector<std::string> node_keys = kNodeKeys;
  std::vector<Parameter> declared;
  const Tree* model = nullptr;
  if (type_name == "model") {
    const Tree* which = tree.find("model");
    const std::string section = which && which->is_scalar() ? which->text : "model";
    const auto found = model_sections.find(section);
    if (found == model_sections.end())
      throw UserError(type_tree->where, fmt::format("{}: calls the section '{}', which this file lacks", owner, section));
    model = &found->second;
    const Tree* model_type = model->find("type");
    if (!model_type || !model_type->is_scalar())
      throw UserError(model->where, fmt::format("section '{}' lacks the key 'type', for example unet", section));
    request.type = catalog.find(model_type->text);
    request.weight_path = section;
    std::vector<std::string> composites;
    for (const NodeType& t : catalog.nodes)
      if (t.role == Role::composite && !t.minimizes) composites.push_back(t.name);
    if (!request.type)
      throw UserError(model_type->where, fmt::format("section '{}': no type '{}'{}", section, model_type->text,
                                                     suggestion(model_type->text, composites)));
    node_keys.push_back("model");
    if (!failed_sections.count(section)) {
      const std::size_t before = faults.size();
      request.parameters = Parameters::read(*model, request.type->parameters, {"type"},
                                            fmt::format("section '{}'", section), faults);
      if (faults.size() != before) failed_sections.insert(section);
    }
    if (failed_sections.count(section)) throw UserError(std::vector<Fault>{});
    for (const Entry& e : tree.entries)
      if (std::find(node_keys.begin(), node_keys.end(), e.key) == node_keys.end())
        fault(e.where, fmt::format("{}: unknown key '{}'{}; parameters of the model stand in its section", owner, e.key,
                                   suggestion(e.key, node_keys)));
  } else {
    request.type = catalog.find(type_name);
    if (!request.type) {
      std::vector<std::string> names = {"model", "run_pipeline"};
      for (const NodeType& t : catalog.nodes) names.push_back(t.name);
      throw UserError(type_tree->where, fmt::format("node '{}': no type '{}'{}", path, type_name, suggestion(type_name, names)));
    }
    if (request.type->minimizes) node_keys.push_back("minimize");
    const std::size_t before = faults.size();
    request.parameters = Parameters::read(tree, request.type->parameters, node_keys, owner, faults);
    if (faults.size() != before) throw UserError(std::vector<Fault>{});
  }

  bool wired = true;
  const auto wire = [&](const std::string& port, const Tree& reference) {
    const std::optional<Wire> w = look_up(reference, scope, owner);
    wired = wired && w.has_value();
    request.in[port] = w.value_or(Wire{});
    request.in_where[port] = reference.where;
  };
  const Tree* in = tree.find("in");
  if (in && in->is_map()) {
    for (const Entry& e : in->entries) {
      const bool declared_port = std::any_of(request.type->inputs.begin(), request.type->inputs.end(),
                                             [&](const Port& p) { return p.name == e.key; });
      if (e.key != "each" || declared_port) {
        wire(e.key, e.value);
        continue;
      }
      // `each: X` wires every input that X has an output for and that is not wired by name.
      const Named* bundle = nullptr;
      for (const Scope* s = &scope; s && !bundle; s = s->parent)
        if (auto found = s->names.find(e.value.text); found != s->names.end()) bundle = &found->second;
      if (!bundle) {
        look_up(e.value, scope, owner);
        wired = false;
      } else {
        for (const Port& p : request.type->inputs)
          if (bundle->ports.count(p.name) && !in->find(p.name)) {
            request.in[p.name] = bundle->ports.at(p.name);
            request.in_where[p.name] = e.value.where;
          }
      }
    }
  } else if (in && !in->is_null()) {
    if (request.type->inputs.empty()) throw UserError(in->where, fmt::format("{}: takes no input", owner));
    wire(request.type->inputs.front().name, *in);
  }

  const auto look_up_node = [&](const Tree& reference) {
    for (const Scope* s = &scope; s; s = s->parent)
      if (auto found = s->names.find(reference.text); found != s->names.end()) {
        if (found->second.node >= 0) request.after.push_back(found->second.node);
        return;
      }
    fault(reference.where, fmt::format("{}: 'after' names no node '{}'{}", owner, reference.text,
                                       suggestion(reference.text, visible_names(scope))));
  };
  if (const Tree* after = tree.find("after")) {
    if (after->is_scalar()) look_up_node(*after);
    for (const Tree& item : after->items) look_up_node(item);
  }
  if (const Tree* every = tree.find("every")) {
    request.every = read_every(*every, owner);
    if (request.type->role != Role::ordered || request.type->rate != Rate::step)
      fault(every->where, fmt::format("{}: 'every' is for nodes that run once per step", owner));
  } else if (request.type->phase == Phase::save) {
    request.every.steps = 1000;
  }
  if (const Tree* on_error = tree.find("on_error")) {
    if (on_error->text != "stop" && on_error->text != "drop")
      fault(on_error->where, fmt::format("{}: 'on_error' is '{}'; it must be stop or drop", owner, on_error->text));
    else if (on_error->text == "drop" && checked.run.training)
      fault(on_error->where, fmt::format("{}: 'on_error: drop' would leave holes in a batch; it is for preprocessing", owner));
    request.drop_on_error = on_error->text == "drop";
  }
  if (const Tree* stream = tree.find("stream")) request.stream = stream->text;
  if (!wired) throw UserError(std::vector<Fault>{});
  if (model) take_model_input(request, owner);

  if (!request.type->minimizes) return request.type->role == Role::composite ? expand(std::move(request)) : make(std::move(request));

  const Tree* minimize = tree.find("minimize");
  if (!minimize) throw UserError(entry.where, fmt::format("{}: 'minimize' is missing: the loss to make small", owner));
  const std::optional<Wire> loss = look_up(*minimize, scope, owner);
  if (!loss || broken(*loss)) throw UserError(std::vector<Fault>{});
  if (count_of(spec(*loss).shape) != 1 || spec(*loss).dtype != DType::f32)
    throw UserError(minimize->where, fmt::format("{}: minimizes '{}', which is {}; a loss is one f32 number", owner,
                                                 minimize->text, to_string(spec(*loss))));
  if (!prefix.empty()) throw UserError(entry.where, fmt::format("{}: nothing can be trained inside a loop", owner));
  checked.groups.push_back({.path = path, .loss = *loss, .weights = {}});
  current_group = static_cast<int>(checked.groups.size()) - 1;
  Named made;
  try {
    made = expand(std::move(request));
  } catch (...) {
    current_group = -1;
    throw;
  }
  current_group = -1;
  return made;
}

}  // namespace dagfusion
