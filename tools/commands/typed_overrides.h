// Overrides as the user types them behind any command that takes a pipeline.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "graph/document/document.h"
#include "tools/commands/typed_plugins.h"

namespace dagfusion {

struct TypedOverrides {
  TypedPlugins plugins;
  std::vector<std::string> sets, adds, removes;

  void declare(CLI::App& app) {
    app.add_option("overrides", sets, "path=value: replaces a value of the file, such as run.steps=100");
    app.add_option("--add", adds, "path=value: adds a key that is not in the file")
        ->type_name("PATH=VALUE")
        ->allow_extra_args(false);
    app.add_option("--remove", removes, "takes a key out of the file")
        ->type_name("PATH")
        ->allow_extra_args(false);
    plugins.declare(app);
  }
  std::vector<Override> in_order() const {
    std::vector<Override> all;
    for (const std::string& s : sets) all.push_back({Override::Kind::set, s});
    for (const std::string& s : adds) all.push_back({Override::Kind::add, s});
    for (const std::string& s : removes) all.push_back({Override::Kind::remove, s});
    return all;
  }
};

}  // namespace dagfusion
