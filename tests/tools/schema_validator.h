// The part of JSON Schema (draft 7) that the schema of pipeline files uses, over our own tree.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "graph/document/document.h"
#include "graph/document/number.h"

namespace dagfusion::tests {

class SchemaValidator {
 public:
  using Json = nlohmann::ordered_json;

  explicit SchemaValidator(Json schema) : root_(std::move(schema)) {}

  bool accepts(const Tree& tree) const { return accepts(root_, tree); }

  // Every keyword this knows; a schema with another one would be judged wrongly.
  static const std::set<std::string>& keywords() {
    static const std::set<std::string> all = {"$schema",
                                              "title",
                                              "description",
                                              "enumDescriptions",
                                              "patternErrorMessage",
                                              "default",
                                              "definitions",
                                              "$ref",
                                              "type",
                                              "enum",
                                              "const",
                                              "minimum",
                                              "maximum",
                                              "exclusiveMinimum",
                                              "pattern",
                                              "items",
                                              "properties",
                                              "required",
                                              "additionalProperties",
                                              "propertyNames",
                                              "minProperties",
                                              "anyOf",
                                              "allOf",
                                              "not",
                                              "if",
                                              "then",
                                              "else"};
    return all;
  }

 private:
  // The value as YAML 1.2 reads it.
  static Json value_of(const Tree& tree) {
    if (tree.is_null()) return nullptr;
    if (tree.is_list()) return Json::array();
    if (tree.is_map()) return Json::object();
    std::int64_t integer = 0;
    double real = 0;
    if (!tree.quoted && parse(tree.text, integer)) return integer;
    if (!tree.quoted && is_real(tree.text) && parse(tree.text, real)) return real;
    if (!tree.quoted && (tree.text == "true" || tree.text == "false")) return tree.text == "true";
    return tree.text;
  }

  static bool is_a(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == value.type_name();
  }

  bool all_properties(const Json& schema, const Tree& tree) const {
    const Json none = Json::object();
    const Json& declared = schema.contains("properties") ? schema["properties"] : none;
    for (const Entry& e : tree.entries) {
      if (schema.contains("propertyNames") && !accepts(schema["propertyNames"], scalar(e.key, e.where, true)))
        return false;
      const bool known = declared.contains(e.key);
      if (known && !accepts(declared[e.key], e.value)) return false;
      if (known || !schema.contains("additionalProperties")) continue;
      const Json& more = schema["additionalProperties"];
      if (more.is_boolean() ? !more.get<bool>() : !accepts(more, e.value)) return false;
    }
    if (schema.contains("required"))
      for (const std::string key : schema["required"])
        if (!tree.find(key)) return false;
    return !schema.contains("minProperties") ||
           tree.entries.size() >= schema["minProperties"].get<std::size_t>();
  }

  bool accepts(const Json& schema, const Tree& tree) const {
    if (schema.contains("$ref"))
      return accepts(root_.at(Json::json_pointer(schema["$ref"].get<std::string>().substr(1))), tree);
    const Json value = value_of(tree);
    if (schema.contains("type")) {
      const Json& type = schema["type"];
      const auto fits = [&](const Json& one) { return is_a(value, one.get<std::string>()); };
      if (type.is_array() ? std::none_of(type.begin(), type.end(), fits) : !fits(type)) return false;
    }
    if (schema.contains("const") && value != schema["const"]) return false;
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      return false;
    if (value.is_number()) {
      const double v = value.get<double>();
      if (schema.contains("minimum") && v < schema["minimum"].get<double>()) return false;
      if (schema.contains("maximum") && v > schema["maximum"].get<double>()) return false;
      if (schema.contains("exclusiveMinimum") && v <= schema["exclusiveMinimum"].get<double>()) return false;
    }
    if (value.is_string() && schema.contains("pattern") &&
        !std::regex_search(value.get<std::string>(), std::regex(schema["pattern"].get<std::string>())))
      return false;
    if (tree.is_list() && schema.contains("items"))
      for (const Tree& item : tree.items)
        if (!accepts(schema["items"], item)) return false;
    if (tree.is_map() && !all_properties(schema, tree)) return false;
    const auto passes = [&](const Json& one) { return accepts(one, tree); };
    if (schema.contains("anyOf") && std::none_of(schema["anyOf"].begin(), schema["anyOf"].end(), passes))
      return false;
    if (schema.contains("allOf") && !std::all_of(schema["allOf"].begin(), schema["allOf"].end(), passes))
      return false;
    if (schema.contains("not") && passes(schema["not"])) return false;
    if (!schema.contains("if")) return true;
    const char* then = passes(schema["if"]) ? "then" : "else";
    return !schema.contains(then) || passes(schema[then]);
  }

  const Json root_;
};

}  // namespace dagfusion::tests
