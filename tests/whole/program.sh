#!/usr/bin/env bash
# program.sh PROGRAM CASE: tests what run-pipeline says and returns, from a folder that is not the repository's.
set -euo pipefail

program=$(realpath "$1")
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cd "$away"

run() {  # ARGUMENT...: sets status, out, err
  status=0
  "$program" "$@" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

is() {  # WHAT VALUE EXPECTED
  [[ $2 == "$3" ]] && return
  printf '%s is\n  %s\nand should be\n  %s\n' "$1" "$2" "$3" >&2
  exit 1
}

has() {  # WHAT VALUE PART
  [[ $2 == *"$3"* ]] && return
  printf '%s is\n  %s\nand should have\n  %s\n' "$1" "$2" "$3" >&2
  exit 1
}

ShowsItsUseWithoutArguments() {
  run
  is status "$status" 2
  is out "$out" ''
  has err "$err" 'Usage: run-pipeline [OPTIONS] [file] [overrides...]'
}

NamesAFileThatIsNotThere() {
  run nothing.yaml
  is status "$status" 2
  is err "$err" 'nothing.yaml: does not exist'
}

TakesAMisspeltCommandForNoFile() {
  run chek pipelines/forward.yaml
  is status "$status" 2
  is err "$err" "chek: no such file or command; did you mean 'check'?"
}

FindsItsPipelinesFromEveryFolder() {
  run pipelines/forward.yaml --check
  is status "$status" 0
  has out "$out" 'no fault found'
}

PrefersTheUsersPipelines() {
  mkdir pipelines
  echo 'nodes: {digits: {type: drawn_digit}}' >pipelines/forward.yaml
  run pipelines/forward.yaml --check
  is status "$status" 2
  has err "$err" "pipelines/forward.yaml:1:24: node 'digits': no type 'drawn_digit'; did you mean 'drawn_digits'?"
}

readmes() {  # README.md, and those of the folders
  (cd "$source_folder" && find . -name 'build*' -prune -o -name README.md -print | sort)
}

commands() {  # REGEX: the arguments of what the READMEs call tools/run-pipeline with, of which the expression must meet a part
  readmes | (cd "$source_folder" && xargs sed -n 's/  *#.*//; s|^\(\$ \)\?tools/run-pipeline \(.*\)|\2|p') | grep -E "$1"
}

ChecksAllThatTheReadmesSwap() {  # what they run on pipelines that need no data and no checkpoint
  local line lines arguments
  mapfile -t lines < <(commands '^pipelines/train.yaml .' | grep -v -e --resume -e run.steps)
  [[ ${#lines[@]} -ge 2 ]] || is 'number of commands' "${#lines[@]}" 'two at least'
  for line in "${lines[@]}"; do
    mapfile -t arguments < <(xargs -n 1 <<<"$line")  # xargs takes quotes as a shell does
    run "${arguments[@]}" --check
    is "what '$line' says" "$err" ''
    is "status of '$line'" "$status" 0
  done
}

QuotesInTheReadmesWhatAShellTakesForAPattern() {  # zsh ends at [] where no file fits
  is 'what is not quoted' "$(commands . | sed "s/'[^']*'//g" | grep -F -e '[' -e '*' -e '?' || true)" ''
}

ShowsAllThatTheReadmesLookAt() {  # what needs no run before it
  local line lines arguments
  mapfile -t lines < <(commands '^(nodes|describe|plan|resolve|schedule|schema) |^sweep .*--list' | grep -v -e ' --times ' | sed 's/ >.*//')
  [[ ${#lines[@]} -ge 7 ]] || is 'number of commands' "${#lines[@]}" 'seven at least'
  for line in "${lines[@]}"; do
    mapfile -t arguments < <(xargs -n 1 <<<"$line")
    run "${arguments[@]}"
    is "what '$line' says" "$err" ''
    is "status of '$line'" "$status" 0
  done
}

ChecksAllFilesOfTheReadmesThatExtendOthers() {
  ln -s "$source_folder/pipelines" pipelines
  readmes | (cd "$source_folder" && xargs cat) |
    awk '/^```/ { inside = /yaml/; delta = 0; next } inside && /^extends:/ { ++n; delta = 1 } delta { print > (n ".yaml") }'
  [[ -e 16.yaml && ! -e 17.yaml ]] || is 'files of the READMEs' "$(ls)" '1.yaml to 16.yaml'
  mkdir images  # what is packed
  for name in {1..20}; do cp "$source_folder/tests/golden/pictures/plain.tif.png" "images/$name.png"; done
  run pipelines/pack_images.yaml vars.file=packed.h5
  is 'status of pack_images.yaml' "$status" 0
  for file in {1..16}.yaml; do
    rm -f images.h5
    ! grep -q train_images "$file" || cp packed.h5 images.h5
    ! grep -q sample.yaml "$file" || continue  # needs a checkpoint
    if grep -q sweep: "$file"; then run sweep "$file" --list; else run check "$file"; fi
    is "what $file says" "$err" ''
    is "status of $file" "$status" 0
  done
}

LinksOfTheReadmesLeadSomewhere() {
  local readme link anchor heading links=0
  for readme in $(readmes) .github/CONTRIBUTING.md; do
    while read -r link; do
      links=$((links + 1))
      anchor=${link#*#}
      [[ $anchor != "$link" ]] || anchor=
      link=${link%%#*}
      [[ -e $source_folder/$(dirname "$readme")/$link ]] || is "a link of $readme" "$link" 'a file or a folder that is there'
      [[ -n $anchor ]] || continue
      heading=$source_folder/$(dirname "$readme")/$link
      [[ -n $link ]] || heading=$source_folder/$readme
      sed -n 's/^##* //p' "$heading" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9\n-' | grep -qx -e "$anchor" ||
        is "a link of $readme" "$link#$anchor" 'one of the headings there'
    done < <(grep -o '](\.*[^):]*)' "$source_folder/$readme" | sed 's/^](//; s/)$//' | grep -v '^http')
  done
  [[ $links -ge 20 ]] || is 'number of links' "$links" '20 at least'
}

RunsWhereItIsInstalled() {
  local build=${program%/tools/run-pipeline}
  cmake --install "$build" --prefix "$away/prefix" >/dev/null
  program=$away/prefix/bin/run-pipeline
  [[ -e $away/prefix/share/dagfusion/pipelines/train.yaml ]]
  run pipelines/forward.yaml run.images=2 run.output=runs
  is status "$status" 0
  [[ -s runs/001/direct.png && -s runs/001/chain.png ]]
}

"$2"
