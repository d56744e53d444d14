#include "tools/schema/schema.h"

#include <nlohmann/json.hpp>

#include "graph/types/file_keys.h"
#include "tools/schema/nodes.h"

namespace dagfusion {

namespace {

using namespace schema;

const char* const kInputs = "inputs";

Json map() { return {{"type", "object"}}; }

// One made here, or one that a run has trained.
Json made_or_trained() {
  const Json from =
      object({{"from", with_doc(text(), "a run or a checkpoint")},
              {"weights", with_doc(text(), "live, or the name of the node that averages them")}},
             {"from"});
  return {{"if", {{"type", "object"}, {"required", {"from"}}}},
          {"then", from},
          {"else", {{"if", map()}, {"then", reference("model")}}}};
}

Json model() {
  Json section = made_or_trained();
  section["type"] = {"object", "null"};
  section["description"] = "The model that nodes of type `model` call.";
  return section;
}

Json plugins() {
  return with_doc({{"type", {"array", "null"}}, {"items", text()}},
                  "Shared libraries with further node types.");
}

// graph/compose/block.h
Json block() {
  Json input = object({{"shape", with_doc(text(), "like [N,C,H,W] act blocked")},
                       {"doc", with_doc(text(), "what it is")},
                       {"optional", {{"type", "boolean"}, {"description", "need not be wired"}}}},
                      {"shape"});
  input["type"] = {"object", "string"};
  const std::vector<std::string> kinds = {"integer", "real",     "boolean", "text",
                                          "choice",  "integers", "reals",   "texts"};
  const Json parameter = object({{"kind", {{"enum", kinds}, {"description", "of the value"}}},
                                 {"doc", with_doc(text(), "what it is for")},
                                 {"default", {{"description", "without one it must be given"}}},
                                 {"minimum", {{"type", "number"}}},
                                 {"maximum", {{"type", "number"}}},
                                 {"choices", {{"type", "array"}, {"items", text()}}}},
                                {"kind", "doc"});
  return with_doc(
      object({{"doc", with_doc(text(), "what the block does, in one sentence")},
              {"stands_for",
               {{"type", "array"},
                {"items", text()},
                {"description", "what it does in a pipeline, so that others can stand in for it"}}},
              {kInputs, with_doc({{"type", "object"}, {"additionalProperties", input}}, "by name")},
              {"outputs", with_doc({{"type", "object"}, {"additionalProperties", reference("reference")}},
                                   "by name, each a node of the block or one of its outputs")},
              {"parameters", with_doc({{"type", "object"}, {"additionalProperties", parameter}}, "by name")},
              {"nodes", with_doc(reference("inner_nodes"), "The nodes, by name.")}},
             {kInputs, "outputs", "nodes"}),
      "A composite of your own.");
}

Json blocks() {
  return with_doc(
      {{"type", {"array", "object"}}, {"items", text()}, {"additionalProperties", reference("block")}},
      "Composites of your own: files beside this one, each named after its type, or definitions.");
}

// Paths are not known here: what they name, the checker says.
Json sweep() {
  return with_doc(
      object(
          {{"axes", with_doc(map(), "paths with lists of values, or names with maps of cases")},
           {"seeds", with_doc(list_of({{"type", "integer"}, {"minimum", 0}}), "one run of a cell for each")},
           {"exclude", {{"type", "array"}, {"items", map()}, {"description", "cells to leave out"}}},
           {"baseline", with_doc(map(), "the cell that others are compared with")},
           {"metric", with_doc(object({{"file", with_doc(text(), "below the run's directory")},
                                       {"column", with_doc(text(), "of that file")},
                                       {"better", {{"enum", {"smaller", "larger"}}}}},
                                      {"column"}),
                               "the number that is compared")},
           {"output", with_doc(text(), "directory of the runs")}},
          {"seeds", "metric"}),
      "Many runs of this pipeline, compared in pairs: run-pipeline sweep FILE.");
}

Json by_path(Json what, const std::string& doc) {
  return with_doc({{"type", "object"}, {"additionalProperties", std::move(what)}}, doc);
}

Json difference() {
  const Json added = by_path(by_path(reference("new_node"), "nodes by name"), "by the path of another node");
  return object(
      {{"extends", with_doc(text(), "the pipeline file that this one differs from")},
       {"set", with_doc(map(), "values by their paths: {run.steps: 100}")},
       {"add", with_doc(map(), "nodes and keys that are new, by their paths: {nodes.weight: {type: …}}")},
       {"replace",
        by_path(reference("new_node"), "nodes by their paths or patterns: {loss: {type: huber_loss}}")},
       {"remove", with_doc({{"type", "array"}, {"items", text()}}, "paths of nodes and keys")},
       {"insert",
        with_doc(object({{"before", added}, {"after", added}}), "nodes by the path of another one")},
       {"blocks", blocks()},
       {"plugins", plugins()},
       {"sweep", sweep()},
       {"doc", reference("doc")}},
      {"extends"});
}

Json pipeline(const Catalog& catalog) {
  Json properties;
  properties["vars"] = {{"type", {"object", "null"}}, {"description", "values for ${name}"}};
  properties["run"] = section({"run", "How long, how large and where.", run_parameters(), {}});
  properties["model"] = model();
  properties["models"] = with_doc(map_of(made_or_trained()), "Several models, by name.");
  for (const SectionType& s : catalog.sections) properties[s.name] = section(s);
  properties["nodes"] = with_doc(reference("nodes"), "The nodes, by name.");
  properties["doc"] = reference("doc");
  properties["blocks"] = blocks();
  properties["plugins"] = plugins();
  properties["sweep"] = sweep();
  return object(std::move(properties), {"nodes"});
}

}  // namespace

Json pipeline_schema(const Catalog& catalog) {
  Json definitions;
  add_values(definitions);
  add_nodes(catalog, definitions);
  add_models(catalog, definitions);
  definitions["block"] = block();
  definitions["difference"] = difference();
  definitions["pipeline"] = pipeline(catalog);
  const auto with_key = [](const char* key) -> Json { return {{"type", "object"}, {"required", {key}}}; };
  Json made = {{"$schema", "http://json-schema.org/draft-07/schema#"}};
  made["description"] = "A pipeline of Dagfusion.";
  made["if"] = with_key("extends");
  made["then"] = reference("difference");
  made["else"] = {{"if", with_key(kInputs)}, {"then", reference("block")}, {"else", reference("pipeline")}};
  made["definitions"] = std::move(definitions);
  return made;
}

}  // namespace dagfusion
