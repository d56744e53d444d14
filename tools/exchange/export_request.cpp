#include "tools/exchange/export_request.h"

#include <fmt/format.h>

namespace dagfusion {

void require_new_file(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    throw UserError({}, fmt::format("'{}' is there already; name a new file", file.string()));
}

const Tree& model_section(const CheckpointFacts& facts) {
  if (const Tree* section = facts.pipeline.find("model")) return *section;
  throw UserError(
      {}, fmt::format("checkpoint '{}' has no section 'model'; several models are not exported together",
                      facts.directory.string()));
}

}  // namespace dagfusion
