#include "tools/commands/typed_overrides.h"

#include <filesystem>
#include <utility>

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

bool is_override(const std::string& text) {
  return text.find('=') != std::string::npos && !std::filesystem::exists(text);
}

void TypedOverrides::declare(Arguments& arguments, std::string& file, const Argument& named) {
  const Argument texts = arguments.option("overrides", texts_,
                                          "path=value: replaces a value of the file, such as run.steps=100");
  const Argument adds = arguments.option("--add", adds_, "path=value: adds a key that is not in the file")
                            .shown_as("PATH=VALUE")
                            .one_at_a_time();
  const Argument removes =
      arguments.option("--remove", removes_, "takes a key out of the file").shown_as("PATH").one_at_a_time();
  declare_plugins(arguments, plugins);
  arguments.after_reading([=, this, &arguments, &file] {
    std::string first;
    std::swap(first, file);
    auto text = texts_.begin(), add = adds_.begin(), remove = removes_.begin();
    for (const Argument& typed : arguments.in_order()) {
      if (typed == named) add_text(first, file);
      if (typed == texts) add_text(*text++, file);
      if (typed == adds) all_.push_back({Override::Kind::add, *add++});
      if (typed == removes) all_.push_back({Override::Kind::remove, *remove++});
    }
  });
}

void TypedOverrides::add_text(const std::string& text, std::string& file) {
  if (file.empty() && !is_override(text))
    file = text;
  else
    all_.push_back({Override::Kind::set, text});
}

}  // namespace dagfusion
