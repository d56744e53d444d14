// Overrides and plugins as the user types them behind any command that takes a pipeline.
#pragma once

#include <string>
#include <vector>

#include "tools/commands/arguments.h"
#include "tools/launch/typed_plugins.h"

namespace dagfusion {

void declare_plugins(Arguments&, TypedPlugins&);
void declare_types_of(Arguments&, TypedPlugins&);  // --of, for what reads no pipeline otherwise

// "run.steps=9", unless there is a file of that name.
bool is_override(const std::string& text);

class TypedOverrides {
 public:
  TypedPlugins plugins;

  // `named` is the argument that fills `file`.
  // Where an override stands in its place, the first other text behind it is the file.
  void declare(Arguments&, std::string& file, const Argument& named);

  const std::vector<Override>& in_order() const { return all_; }  // as typed: of two for one value, the later

 private:
  void add_text(const std::string& text, std::string& file);

  std::vector<std::string> texts_, adds_, removes_;
  std::vector<Override> all_;
};

}  // namespace dagfusion
