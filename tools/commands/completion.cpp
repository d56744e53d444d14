// run-pipeline completion SHELL: subcommands, options, node types and files, for the shell's Tab key.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/catalog.h"
#include "tools/commands/commands.h"

namespace dagfusion {

namespace {

std::string names(const char* separator) {
  std::vector<std::string> all;
  for (const Command& c : commands()) all.push_back(c.name);
  return fmt::format("{}", fmt::join(all, separator));
}

std::string types(const char* separator) {
  std::vector<std::string> all;
  for (const NodeType& t : catalog().nodes) all.push_back(t.name);
  return fmt::format("{}", fmt::join(all, separator));
}

constexpr const char* kOptions =
    "--add --remove --plugin --resume --fork --threads --check --trace --record --json --help";

std::string bash() {
  return fmt::format(R"(# bash completion of run-pipeline
_run_pipeline() {{
  local word=${{COMP_WORDS[COMP_CWORD]}}
  case ${{COMP_WORDS[1]}} in
    describe|run-node) [ "$COMP_CWORD" -eq 2 ] && {{ COMPREPLY=($(compgen -W "{2}" -- "$word")); return; }} ;;
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "{1}" -- "$word")); return; fi
  COMPREPLY=($(compgen -f -X '!*.yaml' -- "$word") $(compgen -d -- "$word"))
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY+=($(compgen -W "{0}" -- "$word")); fi
}}
complete -o filenames -F _run_pipeline run-pipeline
)",
                     names(" "), kOptions, types(" "));
}

std::string zsh() {
  std::string text = "#compdef run-pipeline\n_run_pipeline() {\n  local -a commands\n  commands=(\n";
  for (const Command& c : commands()) {
    std::string summary = c.summary.substr(0, c.summary.find(':'));
    std::erase(summary, '\'');
    text += fmt::format("    '{}:{}'\n", c.name, summary);
  }
  return text + fmt::format(R"(  )
  case $words[2] in
    describe|run-node) (( CURRENT == 3 )) && {{ compadd {}; return }} ;;
  esac
  (( CURRENT == 2 )) && _describe command commands
  if [[ $PREFIX == -* ]]; then compadd -- {}; else _files -g '*.yaml'; fi
}}
compdef _run_pipeline run-pipeline
)",
                            types(" "), kOptions);
}

std::string fish() {
  std::string text = "# fish completion of run-pipeline\n";
  for (const Command& c : commands()) {
    std::string summary = c.summary.substr(0, c.summary.find(':'));
    std::erase(summary, '\'');
    text += fmt::format("complete -c run-pipeline -n __fish_use_subcommand -a {} -d '{}'\n", c.name, summary);
  }
  text += fmt::format(
      "complete -c run-pipeline -n '__fish_seen_subcommand_from describe run-node' -f -a '{}'\n", types(" "));
  for (const char* option :
       {"add", "remove", "plugin", "resume", "fork", "threads", "check", "trace", "record", "json", "help"})
    text += fmt::format("complete -c run-pipeline -l {}\n", option);
  return text;
}

}  // namespace

int completion_command(int argc, char** argv, const Command& about) {
  Arguments arguments{about.help(), "run-pipeline completion"};
  std::string shell;
  arguments.option("shell", shell, "bash, zsh or fish").required().among({"bash", "zsh", "fish"});
  return run_command(arguments, argc, argv, [&] {
    fmt::print("{}", shell == "bash" ? bash() : shell == "zsh" ? zsh() : fish());
    return static_cast<int>(kDone);
  });
}

}  // namespace dagfusion
