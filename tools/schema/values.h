// Pieces of a JSON Schema: values, maps, and the parameters of a node or a section. Private to tools/schema.
//
// yaml-language-server explains best what has one `type` and no alternatives, so choices between shapes are
// `if`/`then` and lists of types; `errorMessage` words are its own keywords, which other programs pass over.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/types/catalog.h"

namespace dagfusion::schema {

using Json = nlohmann::ordered_json;

Json reference(const std::string& definition);  // to "#/definitions/..."
Json any_of(std::vector<Json> all);
Json or_variable(Json value);  // variables stand wherever a value does: "${name}", alone or inside a text
Json with_doc(Json schema, const std::string& doc);
Json titled(Json schema, const std::string& title);
Json object(Json properties, std::vector<std::string> required = {});  // no other keys
Json map_of(Json values);                                              // from names
Json text();
Json list_of(Json items);
Json names(const std::string& refused = "");  // keys of a map; `refused`: "carry|each"

// The schemas of all parameters, into `properties`; what must be given, into `required`.
void add_parameters(const std::vector<Parameter>&, Json& properties, std::vector<std::string>& required);
Json section(const SectionType&);

// What is needed by other definitions: variable, reference, after, every, doc.
void add_values(Json& definitions);

}  // namespace dagfusion::schema
