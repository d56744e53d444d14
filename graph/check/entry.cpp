// One entry of a map of nodes: what type it is, what is wired, and the keys that every node takes.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/types/value.h"

namespace dagfusion {

namespace {

std::vector<std::string> names_of(const std::map<std::string, ModelSection>& models) {
  std::vector<std::string> names;
  for (const auto& [name, model] : models) names.push_back(name);
  return names;
}

}  // namespace

// The first call decides what the model takes, unless a checkpoint has decided it.
void Checking::take_model_input(const Request& call, const std::string& owner) {
  if (call.type->inputs.empty()) return;
  const auto main = call.in.find(call.type->inputs.front().name);
  if (main == call.in.end() || broken(main->second) || spec(main->second).shape.empty()) return;
  const Shape& given = spec(main->second).shape;
  const Shape shape(given.begin() + 1, given.end());
  if (checked.model_input.empty()) checked.model_input = shape;
  if (checked.model_input != shape)
    throw UserError(call.where_wired(main->first),
                    fmt::format("{}: input '{}' holds images {}, but the model was made for {}", owner,
                                main->first, to_string(shape), to_string(checked.model_input)));
}

// What the file's sections put in front of the model: each such node in the place of the wire that it changes.
void Checking::put_before_model(Request& call) {
  std::map<std::string, Wire> changed;
  for (const auto& section : sections) {
    const Resource& made = resource(section.first, call.owner(), call.where);
    for (const Resource::ModelInput& before : made.before_model()) {
      const NodeType* type = catalog.find(before.type);
      if (!type)
        throw std::logic_error(fmt::format("section '{}' puts '{}' before models, which is no type",
                                           section.first, before.type));
      const auto wire = call.in.find(before.port);
      if (wire == call.in.end() || broken(wire->second)) continue;
      Request request{.path = call.path + "/" + before.type,
                      .weight_path = call.path + "/" + before.type,
                      .type = type,
                      .where = call.where};
      for (const Port& port : request.type->inputs)
        if (const auto given = call.in.find(port.name); given != call.in.end()) request.in.insert(*given);
      request.parameters =
          Parameters::make({}, request.type->parameters, request.owner(), request.where, faults);
      const Named named = make(std::move(request));
      changed[before.port] = named.broken ? Wire{} : named.ports.at(named.main);
    }
  }
  for (const auto& [port, wire] : changed) call.in[port] = wire;
}

const ModelSection& Checking::called_model(const std::string& section, const std::string& owner,
                                           const Position& where) {
  called.insert(section);
  const auto found = models.find(section);
  if (found == models.end() && models_broken) throw AlreadyReported();
  if (found == models.end())
    throw UserError(
        where,
        fmt::format("{}: calls the section '{}', which this file lacks{}", owner, section,
                    models.empty() ? fmt::format("; it says what the model is, like model: {{type: {}}} or "
                                                 "model: {{from: runs/train}}",
                                                 example_model())
                                   : suggestion(section, names_of(models))));
  if (!found->second.type) throw AlreadyReported();
  return found->second;
}

// A call of the model: the type and the parameters stand in its section.
void Checking::read_model_call(Request& request, const Tree& tree, const std::string& owner) {
  const Tree* which = tree.find("model");
  if (which && !which->is_scalar())
    throw UserError(which->where, fmt::format("{}: 'model' is {}; it must be the name of a model, one of {}",
                                              owner, described(*which), fmt::join(names_of(models), ", ")));
  const std::string section = which ? which->text : "model";
  const ModelSection& model = called_model(section, owner, which ? which->where : tree.find("type")->where);
  request.type = model.type;
  request.weight_path = section;
  request.calls_model = true;
  request.parameters = model.parameters;
  read_inside(request, model.tree, fmt::format("section '{}'", section));
  read_average(request, tree, owner);
  std::vector<std::string> keys = kNodeKeys;
  keys.insert(keys.end(), {"model", "weights"});
  for (const Entry& e : tree.entries)
    if (std::find(keys.begin(), keys.end(), e.key) == keys.end())
      fault(e.where, fmt::format("{}: unknown key '{}'{}; parameters of the model stand in its section",
                                 owner, e.key, suggestion(e.key, keys)));
}

void Checking::read_type(Request& request, const Tree& tree, const std::string& owner) {
  const Tree& type = *tree.find("type");
  if (type.text == "model") return read_model_call(request, tree, owner);
  request.type = catalog.find(type.text);
  if (!request.type && type.text == "loop")
    throw UserError(type.where, fmt::format("node '{}': a loop has no 'type'; it is written {}: {{loop: "
                                            "{{each: …, carry: …, nodes: …, next: …}}}}",
                                            request.path, request.path));
  if (!request.type) {
    std::vector<std::string> names = {"model", "run_pipeline"};
    for (std::string& name : catalog.names([](const NodeType&) { return true; }))
      names.push_back(std::move(name));
    throw UserError(type.where, fmt::format("node '{}': no type '{}'{}", request.path, type.text,
                                            suggestion(type.text, names)));
  }
  const bool composite = request.type->role == Role::composite && !request.type->minimizes;
  if (const Tree* inside = tree.find("inside"); inside && !composite)
    throw UserError(inside->where, fmt::format("{}: 'inside' is for composites; this is one node", owner));
  std::vector<std::string> keys = kNodeKeys;
  if (request.type->minimizes) keys.push_back("minimize");
  if (composite) keys.push_back("inside");
  const std::size_t before = faults.size();
  request.parameters = Parameters::read(tree, request.type->parameters, keys, owner, faults);
  if (faults.size() != before) throw AlreadyReported();
  read_inside(request, tree, owner);
}

// False: a reference is wrong, and reported; the node is passed over.
bool Checking::wire_inputs(Request& request, const Tree& in, const Scope& scope, const std::string& owner) {
  bool good = true;
  const std::vector<Port>& ports = request.type->inputs;
  const auto wire = [&](const std::string& port, const Position& named, const Tree& reference) {
    const std::optional<Wire> w = look_up(reference, scope, owner);
    good = good && w.has_value();
    request.in[port] = w.value_or(Wire{});
    request.written[port] = {named, reference.where, reference.text};
  };
  if (in.is_null()) return true;
  if (!in.is_map()) {
    if (ports.empty())
      throw UserError(in.where, fmt::format("{}: takes no input{}", owner,
                                            request.type->minimizes ? "; 'minimize' names its loss" : ""));
    wire(ports.front().name, in.where, in);
    return good;
  }
  for (const Entry& e : in.entries) {
    const bool declared =
        std::any_of(ports.begin(), ports.end(), [&](const Port& p) { return p.name == e.key; });
    if (e.key != "each" || declared) {
      wire(e.key, e.where, e.value);
      continue;
    }
    // `each: X` wires every input that X has an output for and that is not wired by name.
    const Named* bundle = scope.find(e.value.text);
    if (!bundle) look_up(e.value, scope, owner);
    if (!bundle || bundle->broken) {
      good = false;
      continue;
    }
    for (const Port& p : ports)
      if (bundle->ports.count(p.name) && !in.find(p.name)) {
        request.in[p.name] = bundle->ports.at(p.name);
        request.written[p.name] = {e.value.where, e.value.where, e.value.text + "." + p.name};
      }
  }
  return good;
}

void Checking::read_common_keys(Request& request, const Tree& tree, const Scope& scope,
                                const std::string& owner) {
  if (const Tree* after = tree.find("after")) request.after = read_after(*after, scope, owner);
  if (const Tree* every = tree.find("every")) {
    request.every = read_every(*every, owner);
    if (request.type->role != Role::ordered || request.type->rate != Rate::step)
      fault(every->where, fmt::format("{}: 'every' is for nodes that run once per step", owner));
  } else if (request.type->phase == Phase::save) {
    request.every.steps = kUsualEvery;
  }
  static const Parameter kOnError{.name = "on_error", .kind = Kind::choice, .choices = {"stop", "drop"}};
  if (const Tree* on_error = tree.find("on_error")) {
    request.drop_on_error = read_key(*on_error, kOnError, owner) == Setting(std::string("drop"));
    if (request.drop_on_error && checked.run.training)
      fault(on_error->where,
            fmt::format("{}: 'on_error: drop' would leave holes in a batch; it is for preprocessing", owner));
  }
  if (const Tree* stream = tree.find("stream")) {
    if (!stream->is_scalar() || stream->text.empty())
      fault(stream->where,
            fmt::format("{}: 'stream' is {}; it must be the name of a stream of random numbers", owner,
                        described(*stream)));
    request.stream = stream->text;
  }
}

Named Checking::check_entry(const Entry& entry, const Scope& scope, const std::string& prefix) {
  const std::string path = prefix + entry.key;
  const Tree& tree = entry.value;
  if (!tree.is_map())
    throw UserError(
        tree.where,
        fmt::format("node '{}' is {}; it must be a map with the key 'type', like {}: {{type: {}}}", path,
                    described(tree), entry.key,
                    tree.is_scalar() && catalog.find(tree.text) ? tree.text : "TYPE"));
  if (tree.find("loop")) return check_loop(entry, scope, prefix);
  const Tree* type = tree.find("type");
  if (!type) throw UserError(entry.where, fmt::format("node '{}' lacks the key 'type'", path));
  if (!type->is_scalar())
    throw UserError(type->where, fmt::format("node '{}': 'type' is {}; it must be the name of a node type",
                                             path, described(*type)));
  if (type->text == "run_pipeline") return check_child(entry, scope, prefix);
  const std::string owner = owner_of(path, type->text);

  Request request{.path = path, .weight_path = path, .where = entry.where};
  read_type(request, tree, owner);
  const Tree* in = tree.find("in");
  const bool wired = !in || wire_inputs(request, *in, scope, owner);
  read_common_keys(request, tree, scope, owner);
  if (!wired) throw AlreadyReported();
  if (type->text == "model") take_model_input(request, owner);
  if (tree.find("when") || tree.find("otherwise")) return check_when(std::move(request), tree, scope, owner);
  if (request.type->minimizes) return check_optimiser(std::move(request), tree, scope, owner);
  return request.type->role == Role::composite ? expand(std::move(request)) : make(std::move(request));
}

Named Checking::check_optimiser(Request request, const Tree& tree, const Scope& scope,
                                const std::string& owner) {
  const Tree* minimize = tree.find("minimize");
  if (!minimize)
    throw UserError(request.where, fmt::format("{}: 'minimize' is missing: the loss to make small", owner));
  if (current_loop >= 0)
    throw UserError(request.where, fmt::format("{}: nothing can be trained inside a loop", owner));
  const Wire loss = need(*minimize, scope, owner);
  if (count_of(spec(loss).shape) != 1 || spec(loss).dtype != DType::f32)
    throw UserError(minimize->where, fmt::format("{}: minimizes '{}', which is {}; a loss is one f32 number",
                                                 owner, minimize->text, to_string(spec(loss))));
  checked.groups.push_back({.path = request.path, .loss = loss, .weights = {}});
  const Temporarily<int> of_this_group(current_group, static_cast<int>(checked.groups.size()) - 1);
  return expand(std::move(request));
}

}  // namespace dagfusion
