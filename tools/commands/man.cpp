// run-pipeline man: the manual page in roff, made from what --help of every command says.
#include <fmt/format.h>

#include "graph/version.h"
#include "tools/commands/commands.h"
#include "tools/commands/help_text.h"
#include "tools/show/manual.h"

namespace dagfusion {

namespace {

std::string section_of(const Command& command) {
  std::string text = fmt::format(".SS {}\n{}\n", roff(command.name), roff(command.summary));
  text += roff_options(help_of(&command)) + ".PP\nExamples:\n.PP\n.RS 4\n.nf\n";
  for (const std::string& example : command.examples) text += roff("run-pipeline " + example) + "\n";
  return text + ".fi\n.RE\n";
}

std::string exit_status() {
  std::string text;
  for (const ExitCode& exit : exit_codes()) {
    std::string meaning = exit.meaning;
    std::replace(meaning.begin(), meaning.end(), '\n', ' ');
    text += fmt::format(".TP\n{}\n{}\n", static_cast<int>(exit.code), roff(meaning));
  }
  return text;
}

constexpr const char* kFiles = R"(.TP
.I pipelines/*.yaml
Pipelines that were installed with the program are found from every folder, unless there is a file of that name.
.TP
.I runs/NAME/001
What a training leaves: the pipeline as it ran, logs, previews and checkpoints; the next run is 002.
)";

constexpr const char* kEnvironment = R"(.TP
.B DAGFUSION_INSTRUCTION_SET
avx2 keeps a processor that has AVX\-512 to what others have: to their speed, and to the bits that they compute.
.TP
.B DAGFUSION_PLUGINS
Directories with colons between them, in which a plugin is looked for by its name when it is not beside the file that names it.
)";

}  // namespace

int man_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline man"};
  return run_command(arguments, argc, argv, [] {
    std::string text =
        fmt::format(".TH RUN\\-PIPELINE 1 \"\" \"Dagfusion {}\" \"User Commands\"\n", DAGFUSION_VERSION);
    text +=
        ".SH NAME\nrun\\-pipeline \\- train diffusion models and draw images with them, on CPU cores\n"
        ".SH SYNOPSIS\n.B run\\-pipeline\n.I FILE\n[\\fIPATH\\fR=\\fIVALUE\\fR ...] [\\fIOPTION\\fR ...]\n"
        ".br\n.B run\\-pipeline\n.I COMMAND\n[\\fIARGUMENT\\fR ...]\n"
        ".SH DESCRIPTION\nChecks a pipeline file and runs it: a YAML file whose nodes, from the data over "
        "the layers of the "
        "network to the\noptimiser, run in one flow graph. A file that is named like a command is ./check.\n";
    text += roff_options(help_of(nullptr));
    text += ".SH COMMANDS\n";
    for (const Command& command : commands()) text += section_of(command);
    text += ".SH EXIT STATUS\n" + exit_status() + ".SH FILES\n" + kFiles + ".SH ENVIRONMENT\n" + kEnvironment;
    fmt::print("{}", text);
    return static_cast<int>(kDone);
  });
}

}  // namespace dagfusion
