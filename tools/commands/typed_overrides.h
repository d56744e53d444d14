// Overrides and plugins as the user types them behind any command that takes a pipeline.
#pragma once

#include <string>
#include <vector>

#include "tools/commands/arguments.h"
#include "tools/launch/typed_plugins.h"

namespace dagfusion {

void declare_plugins(Arguments&, TypedPlugins&);
void declare_types_of(Arguments&, TypedPlugins&);  // --of, for what reads no pipeline otherwise

struct TypedOverrides {
  TypedPlugins plugins;
  std::vector<std::string> sets, adds, removes;

  void declare(Arguments&);
  std::vector<Override> in_order() const;
};

}  // namespace dagfusion
