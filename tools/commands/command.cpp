#include "tools/commands/command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "graph/values/what_of.h"
#include "tools/launch/stop_signals.h"
#include "tools/show/faults.h"
#include "tools/show/words.h"

namespace dagfusion {

const std::vector<ExitCode>& exit_codes() {
  static const std::vector<ExitCode> all = {
      {kDone, "done"},
      {kFailed, "something failed (disk, memory, a value that is not finite)"},
      {kUserError, "a mistake in the file or\nin the arguments, with its place"},
      {kStopped, "stopped by a signal, and can go on"},
      {kAborted, "stopped at once"}};
  return all;
}

std::string exit_codes_text() {
  std::string text = "Exit codes:";
  for (const ExitCode& exit : exit_codes()) {
    if (exit.code != kDone) text += ';';
    text += fmt::format(" {} {}", static_cast<int>(exit.code), exit.meaning);
  }
  return text + '.';
}

void TypedPipeline::declare(Arguments& arguments) {
  typed.declare(arguments, file, arguments.option("file", file, "pipeline file").required());
}

Invocation TypedPipeline::invocation() const {
  return {.file = file, .overrides = typed.in_order(), .plugins = typed.plugins};
}

std::string Command::help() const {
  std::string text = summary + "\n";
  for (const std::string& example : examples) text += fmt::format("\n  run-pipeline {}", example);
  return text;
}

int guarded(const std::string& name, const std::function<int()>& work) {
  try {
    return work();
  } catch (const UserError& e) {
    fmt::print(stderr, "{}\n", printable(faults_text(e)));
    return kUserError;
  } catch (const Stopped&) {
    return kStopped;
  } catch (const std::exception& e) {
    const auto* of_system = dynamic_cast<const std::system_error*>(&e);
    if (of_system && of_system->code().value() == EPIPE && stop_asked()) return kStopped;  // nobody reads on
    std::fflush(stdout);  // where both go to one file, what is wrong comes last
    fmt::print(stderr, "{}: {}\n", name, printable(what_of(e)));
    return kFailed;
  }
}

int run_command(Arguments& arguments, int argc, char** argv, const std::function<int()>& work) {
  if (const std::optional<int> exit = arguments.read(argc, argv)) return *exit;
  return guarded(arguments.name(), work);
}

}  // namespace dagfusion
