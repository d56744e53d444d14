// What the subcommands of run-pipeline have in common: exit codes, arguments, and how their errors are shown.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/commands/typed_overrides.h"
#include "tools/launch/exit.h"
#include "tools/launch/launch.h"

namespace dagfusion {

struct ExitCode {
  Exit code;
  std::string meaning;
};
const std::vector<ExitCode>& exit_codes();
std::string exit_codes_text();  // for --help

// A pipeline file with overrides.
struct TypedPipeline {
  std::string file;
  TypedOverrides typed;

  void declare(Arguments&);
  Invocation invocation() const;
};

// Reads the arguments, then does the work; faults of the user and of the machine go to stderr.
int run_command(Arguments&, int argc, char** argv, const std::function<int()>& work);

// The last part alone, for what has read its arguments already.
int guarded(const std::string& name, const std::function<int()>& work);

struct Command {
  std::string name, summary;
  std::vector<std::string> examples;  // the first one stands in run-pipeline --help
  int (*run)(int argc, char** argv, const Command&);
  bool on_ranks = false;  // several processes that a launcher has started do it together

  std::string help() const;  // summary and examples
};

const std::vector<Command>& commands();  // commands.cpp

}  // namespace dagfusion
