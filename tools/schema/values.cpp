#include "tools/schema/values.h"

#include <fmt/format.h>

#include <cmath>

#include "tools/show/description.h"

namespace dagfusion::schema {

namespace {

constexpr const char* kVariable = "\\$\\{";

Json number(const Parameter& p, const char* type) {
  Json schema = {{"type", type}};
  if (std::isfinite(p.minimum)) schema[p.above_minimum ? "exclusiveMinimum" : "minimum"] = p.minimum;
  if (std::isfinite(p.maximum)) schema["maximum"] = p.maximum;
  return schema;
}

// A number, or a text that matches.
Json number_or(const std::string& pattern, const std::string& wanted) {
  return {{"type", {"integer", "string"}},
          {"minimum", 1},
          {"pattern", "^" + pattern + "$"},
          {"patternErrorMessage", "It must be " + wanted + "."}};
}

Json value_of(const Parameter& p) {
  switch (p.kind) {
    case Kind::integer:
      return or_variable(number(p, "integer"));
    case Kind::real:
      return or_variable(number(p, "number"));
    case Kind::boolean:
      return or_variable({{"type", "boolean"}});
    case Kind::text:
      if (p.choices.empty()) return or_variable(text());
      return or_variable(number_or(fmt::format("({}|[1-9][0-9]*)", fmt::join(p.choices, "|")), p.wanted));
    case Kind::choice:
      return or_variable({{"enum", p.choices}});
    case Kind::integers:
      return or_variable(list_of(number(p, "integer")));
    case Kind::reals:
      return or_variable(list_of(number(p, "number")));
    case Kind::texts:
      return or_variable(list_of(text()));
    case Kind::map:
      return or_variable({{"type", "object"}});
  }
  throw std::logic_error("value_of: no such kind");
}

}  // namespace

Json reference(const std::string& definition) { return {{"$ref", "#/definitions/" + definition}}; }

Json any_of(std::vector<Json> all) { return {{"anyOf", std::move(all)}}; }

Json or_variable(Json value) { return any_of({std::move(value), reference("variable")}); }

Json with_doc(Json schema, const std::string& doc) {
  schema["description"] = doc;
  return schema;
}

Json titled(Json schema, const std::string& title) {
  schema["title"] = title;
  return schema;
}

Json object(Json properties, std::vector<std::string> required) {
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json map_of(Json values) {
  return {{"type", "object"}, {"propertyNames", names()}, {"additionalProperties", std::move(values)}};
}

Json text() { return {{"type", {"string", "number", "boolean"}}}; }

Json list_of(Json items) { return {{"type", "array"}, {"items", or_variable(std::move(items))}}; }

Json names(const std::string& refused) {
  return {{"pattern", (refused.empty() ? "^" : "^(?!(" + refused + ")$)") + "[A-Za-z][A-Za-z0-9_]*$"},
          {"patternErrorMessage", fmt::format("Names are letters, digits and _, and start with a letter{}.",
                                              refused.empty() ? "" : "; they are not carry or each")}};
}

void add_parameters(const std::vector<Parameter>& parameters, Json& properties,
                    std::vector<std::string>& required) {
  for (const Parameter& p : parameters) {
    Json schema = with_doc(value_of(p), p.doc + " (" + parameter_text(p) + ")");
    if (const Json standard = parameter_default(p); !standard.is_null()) schema["default"] = standard;
    properties[p.name] = std::move(schema);
    if (p.required) required.push_back(p.name);
  }
}

Json section(const SectionType& type) {
  Json properties = Json::object();
  std::vector<std::string> required;
  add_parameters(type.parameters, properties, required);
  Json schema = object(std::move(properties), required);
  if (required.empty()) schema["type"] = {"object", "null"};
  return titled(with_doc(std::move(schema), type.summary), type.name);
}

void add_values(Json& definitions) {
  definitions["variable"] = {{"type", "string"}, {"pattern", kVariable}};
  definitions["reference"] = {{"type", "string"},
                              {"description", "a node, or one of its outputs: name.port"}};
  definitions["after"] =
      with_doc({{"type", {"string", "array"}}, {"items", reference("reference")}}, "nodes that come first");
  definitions["every"] = with_doc(or_variable(number_or("[0-9]+(\\.[0-9]+)?(s|min|h)",
                                                        "a number of steps, or a time like 30s, 15min, 2h")),
                                  "a number of steps, or a time: 30s, 15min, 2h");
  definitions["doc"] = with_doc(text(), "what you want to say about it");
}

}  // namespace dagfusion::schema
