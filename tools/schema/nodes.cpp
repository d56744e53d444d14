#include "tools/schema/nodes.h"

#include <algorithm>

#include "graph/types/builtin.h"
#include "tools/show/description.h"

namespace dagfusion::schema {

namespace {

std::string document(const NodeType& type) {
  return type.summary + (type.paper.empty() ? "" : " " + type.paper);
}

bool is_map(const NodeType& type) { return type.role == Role::map || type.role == Role::composite; }

// What `in` may be: the main input's source alone, or a map from ports;
// with `each` the times of a loop wire the rest.
Json inputs(const NodeType& type, bool& needed) {
  Json ports = {{"each", with_doc(reference("reference"), "wires every input that it has an output for")}};
  std::vector<std::string> required;
  bool any_name = false;
  for (const Port& p : type.inputs) {
    if (p.name == kAnyName) {
      any_name = true;
      continue;
    }
    ports[p.name] = with_doc(reference("reference"), p.doc + ", " + p.spec);
    if (!p.optional) required.push_back(p.name);
  }
  needed = !required.empty();
  Json map = object(ports);
  if (any_name) map["additionalProperties"] = reference("reference");
  const bool own_each = std::find(required.begin(), required.end(), "each") != required.end();
  if (own_each) {
    map["required"] = required;
  } else if (needed) {
    map["if"] = {{"required", {"each"}}};
    map["else"] = {{"required", required}};
  }
  const bool main_does = required.empty() || (required.size() == 1 && required[0] == type.inputs[0].name);
  if (!type.inputs.empty() && main_does) map["type"] = {"string", "object"};
  std::string named;
  for (const std::string& port : required) named += (named.empty() ? "{" : ", ") + port + ": …";
  if (needed && !main_does) map["title"] = named + "}";
  return with_doc(std::move(map), "what is wired to its inputs");
}

Json inside() {
  return {
      {"type", {"object", "null"}},
      {"additionalProperties", {{"type", {"object", "null"}}}},
      {"description", "what is different about the nodes inside, by path or pattern; null takes one out"}};
}

Json on_error() { return with_doc(or_variable({{"enum", {"stop", "drop"}}}), "drop: leave the frame out"); }
Json stream() { return with_doc(text(), "name of its stream of random numbers; its path otherwise"); }
Json when() { return with_doc(reference("reference"), "frames in which this value is 0 skip the node"); }
Json otherwise() { return with_doc(reference("reference"), "what they get instead: an output, or zeros"); }

Json name_of(const NodeType& type) { return {{"const", type.name}, {"description", document(type)}}; }

// The keys that a node of this type takes besides its parameters: a subset of kNodeKeys.
void add_node_keys(const NodeType& type, Json& properties, std::vector<std::string>& required, bool& wired) {
  const bool pipeline = &type == &run_pipeline();
  if (!pipeline) properties["in"] = inputs(type, wired);
  properties["after"] = reference("after");
  if (type.role == Role::ordered && type.rate == Rate::step) properties["every"] = reference("every");
  properties["doc"] = reference("doc");
  if (type.minimizes) {
    properties["minimize"] = with_doc(reference("reference"), "the loss to make small");
    required.push_back("minimize");
  }
  if (pipeline) return;
  if (type.role == Role::composite && !type.minimizes) properties["inside"] = inside();
  properties["on_error"] = on_error();
  properties["stream"] = stream();
  if (!is_map(type) || type.minimizes) return;
  properties["when"] = when();
  properties["otherwise"] = otherwise();
}

Json node_of(const NodeType& type, bool& wired) {
  Json properties = {{"type", name_of(type)}};
  std::vector<std::string> required = {"type"};
  add_node_keys(type, properties, required, wired);
  add_parameters(type.parameters, properties, required);
  return titled(with_doc(object(std::move(properties), required), document(type)), type.name);
}

Json model_call() {
  const Json ref = reference("reference");
  Json in = with_doc(map_of(ref), "what is wired to the model's inputs");
  in["type"] = {"string", "object"};
  const std::string doc = "A call of the section `model`.";
  return titled(with_doc(object({{"type", {{"const", "model"}, {"description", doc}}},
                                 {"model", with_doc(text(), "which of `models`")},
                                 {"weights", with_doc(text(),
                                                      "live, or the node whose averaged weights it reads in "
                                                      "training; no gradient passes it then")},
                                 {"in", in},
                                 {"after", reference("after")},
                                 {"on_error", on_error()},
                                 {"stream", stream()},
                                 {"doc", reference("doc")},
                                 {"when", when()},
                                 {"otherwise", otherwise()}},
                                {"type"}),
                         doc),
                "model");
}

// Types by name, each with keys of its own.
class Choice {
 public:
  // `also`: what must be given besides what `definition` asks for.
  void add(const std::string& name, const std::string& doc, Json definition,
           std::vector<std::string> also = {}) {
    names_.push_back(name);
    docs_.push_back(doc);
    if (!also.empty()) definition = {{"allOf", Json::array({definition})}, {"required", also}};
    const Json is_it = {
        {"type", "object"}, {"properties", {{"type", {{"const", name}}}}}, {"required", {"type"}}};
    cases_.push_back({{"if", is_it}, {"then", definition}});
  }
  Json schema() const {
    const Json type = or_variable({{"enum", names_}, {"enumDescriptions", docs_}});
    return {{"type", "object"}, {"required", {"type"}}, {"properties", {{"type", type}}}, {"allOf", cases_}};
  }

 private:
  std::vector<std::string> names_, docs_;
  Json cases_ = Json::array();
};

Json loop() {
  const Json ref = reference("reference");
  Json carry = map_of(ref), collect = map_of(ref);
  carry["minProperties"] = 1;
  collect["properties"] = {{"every", reference("every")}};
  const Json body =
      object({{"each", with_doc(reference("node"), "the node that counts, such as ddim_timesteps")},
              {"carry", with_doc(carry, "names of the carried values and where they start")},
              {"nodes", with_doc(reference("nodes_of_a_loop"), "the body")},
              {"next", with_doc(map_of(ref), "for each, what it is in the next iteration")},
              {"collect", with_doc(collect, "values to keep from the iterations")}},
             {"each", "carry", "nodes", "next"});
  return titled(object({{"loop", with_doc(body, "repeats nodes")}, {"doc", reference("doc")}}, {"loop"}),
                "loop");
}

Json nodes(Json node, const std::string& refused) {
  return {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", names(refused)},
          {"additionalProperties", std::move(node)}};
}

}  // namespace

void add_nodes(const Catalog& catalog, Json& definitions) {
  Choice node, new_node;
  definitions["node_model"] = model_call();
  node.add("model", "A call of the section `model`.", reference("node_model"), {"in"});
  new_node.add("model", "A call of the section `model`.", reference("node_model"));
  for (const NodeType* type : all_types(catalog)) {
    bool wired = false;
    definitions["node_" + type->name] = node_of(*type, wired);
    const Json definition = reference("node_" + type->name);
    node.add(type->name, document(*type), definition,
             wired ? std::vector<std::string>{"in"} : std::vector<std::string>{});
    new_node.add(type->name, document(*type), definition);
  }
  definitions["node"] = node.schema();
  definitions["new_node"] = new_node.schema();
  definitions["loop"] = loop();
  definitions["nodes_of_a_loop"] = nodes(reference("node"), "carry|each");
  definitions["nodes"] = nodes({{"if", {{"type", "object"}, {"required", {"loop"}}}},
                                {"then", reference("loop")},
                                {"else", or_variable(reference("node"))}},
                               "carry|each");
}

void add_models(const Catalog& catalog, Json& definitions) {
  Choice model, inner;
  for (const NodeType* type : all_types(catalog)) {
    if (!is_map(*type) || type->minimizes) continue;
    Json properties = {{"type", name_of(*type)}};
    std::vector<std::string> required = {"type"};
    add_parameters(type->parameters, properties, required);
    if (type->role == Role::composite) properties["inside"] = inside();
    definitions["model_" + type->name] =
        titled(with_doc(object(properties, required), document(*type)), type->name);
    model.add(type->name, document(*type), reference("model_" + type->name));
    bool wired = false;
    properties["in"] = inputs(*type, wired);
    properties["doc"] = reference("doc");
    if (wired) required.push_back("in");
    definitions["inner_" + type->name] =
        titled(with_doc(object(properties, required), document(*type)), type->name);
    inner.add(type->name, document(*type), reference("inner_" + type->name));
  }
  definitions["model"] = model.schema();
  definitions["inner_nodes"] = nodes(inner.schema(), "");
}

}  // namespace dagfusion::schema
