#include "tools/commands/typed_overrides.h"

namespace dagfusion {

void declare_plugins(Arguments& arguments, TypedPlugins& plugins) {
  arguments.option("--plugin", plugins.files, "a shared library with further node types")
      .shown_as("FILE")
      .one_at_a_time();
}

void declare_types_of(Arguments& arguments, TypedPlugins& plugins) {
  arguments
      .option("--of", plugins.of, "a pipeline whose own node types are meant too: of its blocks and plugins")
      .shown_as("FILE");
}

void TypedOverrides::declare(Arguments& arguments) {
  arguments.option("overrides", sets, "path=value: replaces a value of the file, such as run.steps=100");
  arguments.option("--add", adds, "path=value: adds a key that is not in the file")
      .shown_as("PATH=VALUE")
      .one_at_a_time();
  arguments.option("--remove", removes, "takes a key out of the file").shown_as("PATH").one_at_a_time();
  declare_plugins(arguments, plugins);
}

std::vector<Override> TypedOverrides::in_order() const {
  std::vector<Override> all;
  for (const std::string& s : sets) all.push_back({Override::Kind::set, s});
  for (const std::string& s : adds) all.push_back({Override::Kind::add, s});
  for (const std::string& s : removes) all.push_back({Override::Kind::remove, s});
  return all;
}

}  // namespace dagfusion
