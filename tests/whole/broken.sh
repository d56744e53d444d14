#!/usr/bin/env bash
# broken.sh PROGRAM LETTERS: what the program says of pipelines that are wrong, word for word. broken/NAME.txt is all that
# `check NAME.yaml` must print, or `sweep NAME.yaml` when the first line is `# sweep`; nothing may run. LETTERS are those
# that the names begin with, such as a-c; all means every file.
set -euo pipefail
export LC_ALL=C

program=$(realpath "$1")
letters=$2
[[ $letters != all ]] || letters=a-z
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
cp -r "$(dirname "${BASH_SOURCE[0]}")/broken/." "$away"  # a pipeline that is not refused writes there
cd "$away"

failed=0
fail() {
  printf '%s\n' "$1: $2"
  failed=1
}

few=100
all=(*.yaml)
((${#all[@]} >= few)) || fail broken "${#all[@]} files are fewer than $few"
for expected in *.txt; do
  [[ -f ${expected%.txt}.yaml ]] || fail "$expected" 'has no .yaml file beside it'
done

ulimit -t 10  # seconds of a processor, since others may use it too
for file in [$letters]*.yaml; do
  name=${file%.yaml}
  if [[ ! -f $name.txt ]]; then
    fail "$file" 'has no .txt file beside it'
    continue
  fi
  read -r first <"$file" || true
  command=check
  [[ $first != '# sweep' ]] || command=sweep
  status=0
  timeout 60 "$program" "$command" "$file" >said 2>&1 </dev/null || status=$?
  ((status == 2)) || fail "$file" "the status is $status and should be 2"
  diff -u "$name.txt" said || fail "$file" 'says something else'
done
exit $failed
