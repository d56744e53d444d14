#include "tools/commands/help_text.h"

#include <iostream>
#include <sstream>

#include "tools/commands/commands.h"

namespace dagfusion {

// What CLI11 prints for --help goes to std::cout.
std::string help_of(const Command* command) {
  std::string program = command ? command->name : "run-pipeline", option = "--help";
  char* arguments[] = {program.data(), option.data(), nullptr};
  std::ostringstream text;
  std::streambuf* const screen = std::cout.rdbuf(text.rdbuf());
  command ? command->run(2, arguments, *command) : run_pipeline_command(2, arguments);
  std::cout.rdbuf(screen);
  return text.str();
}

}  // namespace dagfusion
