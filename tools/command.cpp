#include "tools/command.h"

#include <fmt/format.h>

#include "tools/faults.h"

namespace dagfusion {

const char* const kExitCodes =
    "Exit codes: 0 done; 1 something failed (disk, memory, a value that is not finite); 2 a mistake in the "
    "file or\n"
    "in the arguments, told with its place; 75 stopped by a signal, and can go on; 130 stopped at once.";

void TypedPipeline::declare(CLI::App& app) {
  app.add_option("file", file, "pipeline file")->required();
  typed.declare(app);
}

Invocation TypedPipeline::invocation() const { return {.file = file, .overrides = typed.in_order()}; }

std::string Command::help() const {
  std::string text = summary + "\n";
  for (const std::string& example : examples) text += fmt::format("\n  run-pipeline {}", example);
  return text;
}

int guarded(const std::string& name, const std::function<int()>& work) {
  try {
    return work();
  } catch (const UserError& e) {
    fmt::print(stderr, "{}\n", faults_text(e));
    return kUserError;
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}: {}\n", name, e.what());
    return kFailed;
  }
}

int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work) {
  app.footer(kExitCodes);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kDone : kUserError;
  }
  return guarded(app.get_name(), work);
}

}  // namespace dagfusion
