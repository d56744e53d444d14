#include "tools/schema.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "graph/builtin.h"
#include "graph/check.h"
#include "tools/description.h"

namespace dagfusion {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kName = "^[A-Za-z][A-Za-z0-9_]*$";

Json reference(const std::string& definition) { return {{"$ref", "#/definitions/" + definition}}; }

Json any_of(std::vector<Json> all) { return {{"anyOf", std::move(all)}}; }

// Variables stand wherever a value does: "${name}", alone or inside a text.
Json or_variable(Json schema) { return any_of({std::move(schema), reference("variable")}); }

Json with_doc(Json schema, const std::string& doc) {
  schema["description"] = doc;
  return schema;
}

Json object(Json properties, std::vector<std::string> required = {}) {
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json map_of(Json values) {
  return {{"type", "object"},
          {"propertyNames", {{"pattern", kName}}},
          {"additionalProperties", std::move(values)}};
}

const Json kText = {{"type", {"string", "number", "boolean"}}};

Json number(const Parameter& p, const char* type) {
  Json schema = {{"type", type}};
  if (std::isfinite(p.minimum)) schema[p.above_minimum ? "exclusiveMinimum" : "minimum"] = p.minimum;
  if (std::isfinite(p.maximum)) schema["maximum"] = p.maximum;
  return schema;
}

Json list_of(Json items) { return {{"type", "array"}, {"items", or_variable(std::move(items))}}; }

Json value_of(const Parameter& p) {
  switch (p.kind) {
    case Kind::integer:
      return number(p, "integer");
    case Kind::real:
      return number(p, "number");
    case Kind::boolean:
      return {{"type", "boolean"}};
    case Kind::text:
      return kText;
    case Kind::choice:
      return {{"enum", p.choices}};
    case Kind::integers:
      return list_of(number(p, "integer"));
    case Kind::reals:
      return list_of(number(p, "number"));
    case Kind::texts:
      return list_of(kText);
    case Kind::map:
      return {{"type", "object"}};
  }
  throw std::logic_error("value_of: no such kind");
}

void add_parameters(const std::vector<Parameter>& parameters, Json& properties,
                    std::vector<std::string>& required) {
  for (const Parameter& p : parameters) {
    Json schema = with_doc(or_variable(value_of(p)), p.doc + " (" + parameter_text(p) + ")");
    if (const Json standard = parameter_default(p); !standard.is_null()) schema["default"] = standard;
    properties[p.name] = std::move(schema);
    if (p.required) required.push_back(p.name);
  }
}

Json section(const std::vector<Parameter>& parameters, const std::string& doc) {
  Json properties = Json::object();
  std::vector<std::string> required;
  add_parameters(parameters, properties, required);
  Json schema = object(std::move(properties), required);
  if (required.empty()) schema["type"] = {"object", "null"};
  return with_doc(std::move(schema), doc);
}

std::string document(const NodeType& type) {
  return type.summary + (type.paper.empty() ? "" : " " + type.paper);
}

// What `in` may be: the main input's source alone, or a map from ports; with `each` the times of a loop wire the rest.
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
  if (!required.empty()) {
    const bool own_each = std::find(required.begin(), required.end(), "each") != required.end();
    map["anyOf"] = Json::array();
    map["anyOf"].push_back({{"required", required}});
    if (!own_each) map["anyOf"].push_back({{"required", {"each"}}});
  }
  if (type.inputs.empty()) return map;
  const bool main_does = required.empty() || (required.size() == 1 && required[0] == type.inputs[0].name);
  return main_does ? any_of({reference("reference"), map}) : map;
}

Json inside() {
  return {
      {"type", {"object", "null"}},
      {"additionalProperties", {{"type", {"object", "null"}}}},
      {"description", "what is different about the nodes inside, by path or pattern; null takes one out"}};
}

// The keys that a node of this type takes besides its parameters: a subset of kNodeKeys.
void add_node_keys(const NodeType& type, Json& properties, std::vector<std::string>& required) {
  const bool pipeline = &type == &run_pipeline();
  const bool map = type.role == Role::map || type.role == Role::composite;
  bool needed = false;
  if (!pipeline) properties["in"] = with_doc(inputs(type, needed), "what is wired to its inputs");
  if (needed) required.push_back("in");
  properties["after"] = reference("after");
  if (type.role == Role::ordered && type.rate == Rate::step) properties["every"] = reference("every");
  properties["doc"] = Json::object();
  if (type.minimizes) {
    properties["minimize"] = with_doc(reference("reference"), "the loss to make small");
    required.push_back("minimize");
  }
  if (pipeline) return;
  if (type.role == Role::composite && !type.minimizes) properties["inside"] = inside();
  properties["on_error"] = with_doc(or_variable({{"enum", {"stop", "drop"}}}), "drop: leave the frame out");
  properties["stream"] = with_doc(kText, "name of its stream of random numbers; its path otherwise");
  if (!map || type.minimizes) return;
  properties["when"] = with_doc(reference("reference"), "frames in which this value is 0 skip the node");
  properties["otherwise"] = with_doc(reference("reference"), "what they get instead: an output, or zeros");
}

Json node_of(const NodeType& type) {
  Json properties = {{"type", {{"const", type.name}}}};
  std::vector<std::string> required = {"type"};
  add_node_keys(type, properties, required);
  add_parameters(type.parameters, properties, required);
  return with_doc(object(std::move(properties), required), document(type));
}

Json model_call() {
  const Json ref = reference("reference");
  return with_doc(object({{"type", {{"const", "model"}}},
                          {"model", with_doc(kText, "which of `models`")},
                          {"in", any_of({ref, map_of(ref)})},
                          {"after", reference("after")},
                          {"on_error", or_variable({{"enum", {"stop", "drop"}}})},
                          {"stream", kText},
                          {"doc", Json::object()},
                          {"when", ref},
                          {"otherwise", ref}},
                         {"type", "in"}),
                  "A call of the section `model`.");
}

// By `type`: each has its own keys.
Json by_type(const std::vector<std::string>& names, const std::string& prefix) {
  Json cases = Json::array();
  for (const std::string& name : names)
    cases.push_back({{"if", {{"properties", {{"type", {{"const", name}}}}}, {"required", {"type"}}}},
                     {"then", reference(prefix + name)}});
  return {{"type", "object"},
          {"required", {"type"}},
          {"properties", {{"type", or_variable({{"enum", names}})}}},
          {"allOf", cases}};
}

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
  return object({{"loop", with_doc(body, "repeats nodes")}, {"doc", Json::object()}}, {"loop"});
}

Json model_from() {
  return object({{"from", with_doc(kText, "a run or a checkpoint")},
                 {"weights", with_doc(kText, "live, or the name of the node that averages them")}},
                {"from"});
}

Json plugins() {
  return with_doc({{"type", {"array", "null"}}, {"items", kText}},
                  "Shared libraries with further node types.");
}

Json blocks() {
  return with_doc(
      any_of({{{"type", "array"}, {"items", kText}}, {{"type", "object"}}}),
      "Composites of your own: files beside this one, each named after its type, or definitions.");
}

// Paths are not known here: what they name, the checker says.
Json sweep() {
  const Json choice = {{"type", "object"}};
  return with_doc(
      object({{"axes", with_doc(choice, "paths with lists of values, or names with maps of cases")},
              {"seeds", list_of({{"type", "integer"}, {"minimum", 0}})},
              {"exclude", {{"type", "array"}, {"items", choice}}},
              {"baseline", choice},
              {"metric",
               object({{"file", kText}, {"column", kText}, {"better", {{"enum", {"smaller", "larger"}}}}},
                      {"column"})},
              {"output", kText}},
             {"seeds", "metric"}),
      "Many runs of this pipeline, compared in pairs: run-pipeline sweep FILE.");
}

Json difference() {
  const Json map = {{"type", "object"}};
  return object(
      {{"extends", with_doc(kText, "the pipeline file that this one differs from")},
       {"set", with_doc(map, "values by their paths: {run.steps: 100}")},
       {"replace",
        with_doc({{"type", "object"}, {"additionalProperties", {{"type", "object"}, {"required", {"type"}}}}},
                 "nodes by their paths or patterns: {loss: {type: huber_loss}}")},
       {"remove", with_doc({{"type", "array"}, {"items", kText}}, "paths of nodes and keys")},
       {"insert", with_doc(object({{"before", map}, {"after", map}}), "nodes by the path of another one")},
       {"blocks", blocks()},
       {"plugins", plugins()},
       {"sweep", sweep()},
       {"doc", Json::object()}},
      {"extends"});
}

}  // namespace

Json pipeline_schema(const Catalog& catalog) {
  std::vector<std::string> types = {"model"}, models;
  Json definitions;
  definitions["variable"] = {{"type", "string"}, {"pattern", "\\$\\{"}};
  definitions["reference"] = {{"type", "string"},
                              {"description", "a node, or one of its outputs: name.port"}};
  definitions["after"] =
      with_doc(any_of({reference("reference"), list_of(reference("reference"))}), "nodes that come first");
  definitions["every"] =
      with_doc(or_variable(any_of({{{"type", "integer"}, {"minimum", 1}},
                                   {{"type", "string"}, {"pattern", "^[0-9]+(\\.[0-9]+)?(s|min|h)$"}}})),
               "a number of steps, or a time: 30s, 15min, 2h");
  definitions["node_model"] = model_call();
  std::vector<const NodeType*> all;
  for (const NodeType& type : catalog.nodes) all.push_back(&type);
  all.push_back(&run_pipeline());
  for (const NodeType* type : all) {
    types.push_back(type->name);
    definitions["node_" + type->name] = node_of(*type);
    if ((type->role != Role::map && type->role != Role::composite) || type->minimizes) continue;
    models.push_back(type->name);
    Json properties = {{"type", {{"const", type->name}}}};
    std::vector<std::string> required = {"type"};
    add_parameters(type->parameters, properties, required);
    if (type->role == Role::composite) properties["inside"] = inside();
    definitions["model_" + type->name] = with_doc(object(std::move(properties), required), document(*type));
  }
  const Json names = {{"pattern", kName}, {"not", {{"enum", {"carry", "each"}}}}};
  const auto nodes = [&](Json node) -> Json {
    return {
        {"type", "object"}, {"minProperties", 1}, {"propertyNames", names}, {"additionalProperties", node}};
  };
  definitions["node"] = by_type(types, "node_");
  definitions["loop"] = loop();
  definitions["nodes_of_a_loop"] = nodes(reference("node"));
  definitions["model"] = by_type(models, "model_");

  Json properties;
  properties["vars"] = {{"type", {"object", "null"}}, {"description", "values for ${name}"}};
  properties["run"] = section(run_parameters(), "How long, how large and where.");
  properties["model"] = {{"if", {{"type", "object"}, {"required", {"from"}}}},
                         {"then", model_from()},
                         {"else", any_of({reference("model"), {{"type", "null"}}})},
                         {"description", "The model that nodes of type `model` call."}};
  properties["models"] = with_doc(map_of(reference("model")), "Several models, by name.");
  for (const SectionType& s : catalog.sections) properties[s.name] = section(s.parameters, s.summary);
  properties["nodes"] = with_doc(nodes({{"if", {{"type", "object"}, {"required", {"loop"}}}},
                                        {"then", reference("loop")},
                                        {"else", or_variable(reference("node"))}}),
                                 "The nodes, by name.");
  properties["doc"] = Json::object();
  properties["blocks"] = blocks();
  properties["plugins"] = plugins();
  properties["sweep"] = sweep();
  definitions["pipeline"] = object(std::move(properties), {"nodes"});
  definitions["difference"] = difference();
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", "Dagfusion pipeline"}};
  schema["if"] = {{"type", "object"}, {"required", {"extends"}}};
  schema["then"] = reference("difference");
  schema["else"] = reference("pipeline");
  schema["definitions"] = std::move(definitions);
  return schema;
}

}  // namespace dagfusion
