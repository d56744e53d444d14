// run-pipeline completion SHELL: a few lines of the shell, which ask the program at each Tab key what could stand there.
#include <fmt/format.h>

#include "tools/commands/candidates.h"
#include "tools/commands/commands.h"

namespace dagfusion {

namespace {

// Bash cuts words at '=' and ':', so they are put together again; what stands before the last cut is not to be repeated.
// The script tools/run-pipeline would build first: what it has built is asked.
constexpr const char* kBash = R"sh(# bash completion of run-pipeline
_run_pipeline() {
  local program=${COMP_WORDS[0]} built
  built=${program%/*}/../build/tools/run-pipeline
  [[ $program != */* || ! -x $built ]] || program=$built
  local -a words=()
  local i word last= cut=
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ $i -gt 1 && ( $word == [=:]* || $last == *[=:] ) ]]; then
      cut=${words[-1]}
      [[ $word != [=:] ]] || cut+=$word
      words[-1]+=$word
    else
      cut=
      words+=("$word")
    fi
    last=$word
  done
  word=${words[-1]//\\/}
  word=${word#[\"\']}
  words[-1]=$word
  mapfile -t COMPREPLY < <("$program" completion --words "${words[@]}" 2>/dev/null)
  [[ ${#COMPREPLY[@]} -ne 1 || $COMPREPLY != *[./=] ]] || compopt -o nospace 2>/dev/null
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}
complete -o filenames -F _run_pipeline run-pipeline
)sh";

constexpr const char* kZsh = R"sh(#compdef run-pipeline
_run_pipeline() {
  local program=${(Q)words[1]}
  [[ $program == */* && -x ${program:h}/../build/tools/run-pipeline ]] && program=${program:h}/../build/tools/run-pipeline
  local -a found
  found=("${(@f)$($program completion --words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  compadd -- ${found:#*[./=]}
  compadd -S '' -- ${(M)found:#*[./=]}
}
compdef _run_pipeline run-pipeline
)sh";

constexpr const char* kFish = R"sh(# fish completion of run-pipeline
function __run_pipeline
  set -l words (commandline -opc)
  set -l program $words[1]
  set -l built (string replace -r '[^/]*$' '' -- $program)../build/tools/run-pipeline
  string match -q '*/*' -- $program; and test -x $built; and set program $built
  $program completion --words $words[2..-1] (commandline -ct | string unescape) 2>/dev/null
end
complete -c run-pipeline -f -a '(__run_pipeline)'
)sh";

}  // namespace

int completion_command(int argc, char** argv, const Command& about) {
  if (argc > 1 && argv[1] == std::string("--words")) {  // not CLI11's: words may look like options
    for (const std::string& candidate : candidates({argv + 2, argv + argc})) fmt::print("{}\n", candidate);
    return kDone;
  }
  Arguments arguments{about.help(), "run-pipeline completion"};
  std::string shell;
  arguments.option("shell", shell, "bash, zsh or fish").required().among({"bash", "zsh", "fish"});
  return run_command(arguments, argc, argv, [&] {
    fmt::print("{}", shell == "bash" ? kBash : shell == "zsh" ? kZsh : kFish);
    return static_cast<int>(kDone);
  });
}

}  // namespace dagfusion
