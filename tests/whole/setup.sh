#!/usr/bin/env bash
# setup.sh CASE: tests the set-up scripts in a copy of this folder, where cmake, apt-get and their like are stand-ins that
# write down how they were called. Nothing is installed or built.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT
copy=$away/dagfusion
calls=$away/calls  # one line for each call of a stand-in
mkdir -p "$copy" "$away/bin" "$away/elsewhere"
mkdir -p "$copy/graph/run" "$copy/nodes" "$copy/tests/nodes"
cp -r "$here/tools" "$copy/"
touch "$copy/CMakeLists.txt" "$copy/CMakePresets.json" "$copy/graph/run/run.cpp" "$copy/graph/run/run.h" "$calls"

for real in awk bash cat dirname env find flock grep mkdir mv nproc readlink; do
  ln -s "$(command -v "$real")" "$away/bin/"
done

stand_in() {  # NAME COMMANDS
  printf '#!%s\n%s\n' "$BASH" "echo \"$1 \$*\" >>'$calls'"$'\n'"$2" >"$away/bin/$1"
  chmod +x "$away/bin/$1"
}

missing() {  # PACKAGE...: all others are installed
  stand_in dpkg-query "for p; do case \"\$p\" in -*) ;; ${*/%/|} none) ;; *) echo \"\$p installed\" ;; esac; done"
}

all_goes_well() {
  missing
  stand_in id 'echo 0'
  stand_in apt-get "printf '#!%s\necho dpkg-query \"\$*\" >>$calls\nfor p; do echo \"\$p installed\"; done' '$BASH' >$away/bin/dpkg-query"
  stand_in cmake "echo 'CMAKE_HOME_DIRECTORY:INTERNAL=$copy' >$copy/build/CMakeCache.txt; : >$copy/build/build.ninja"
  stand_in ninja "mkdir -p $copy/build/tools
printf '#!%s\necho program \"\$*\" in \"\$PWD\"; exit 7' '$BASH' >$copy/build/tools/run-pipeline
$(command -v chmod) +x $copy/build/tools/run-pipeline"
  stand_in ctest 'exit 8'
}

run() {  # SCRIPT ARGUMENT...: sets status, out, err, and called, the calls in between but for the look-ups
  : >"$calls"
  status=0
  (cd "$away/elsewhere" && PATH=$away/bin exec "$copy/tools/$1" "${@:2}") >"$away/out" 2>"$away/err" </dev/null || status=$?
  out=$(<"$away/out")
  err=$(<"$away/err")
  called=$(grep -v -e ^dpkg-query -e ^id -e 'apt-get --simulate' "$calls" || true)
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

past_the_grain() {  # the clock of a file system ticks every 4 ms or so: waits until it has moved on
  local tick=$away/tick
  touch "$away/now" "$tick"
  while [[ ! $tick -nt $away/now ]]; do touch "$tick"; done
}

built() {  # a copy that is up to date
  all_goes_well
  past_the_grain
  run run-pipeline
  is status "$status" 7
  past_the_grain
}

ConfiguresAndBuildsThenRunsTheProgramWhereTheUserStands() {
  all_goes_well
  run run-pipeline pipelines/train.yaml 'vars.a=b c' --resume
  is status "$status" 7
  is out "$out" "program pipelines/train.yaml vars.a=b c --resume in $away/elsewhere"
  is called "$called" "cmake --preset release
ninja -C $copy/build -j ${called##*-j }"
  has called "$called" ' run_pipeline'
  has err "$err" "run-pipeline: configuring $copy/build"
  has err "$err" 'run-pipeline: building a release with '
}

DoesNothingWhenNothingIsToBeDone() {
  built
  run run-pipeline a.yaml
  is out "$out" "program a.yaml in $away/elsewhere"
  is err "$err" ''
  is called "$called" ''
}

WorksThroughASymbolicLink() {
  built
  ln -s "$copy/tools/run-pipeline" "$away/run-pipeline"
  status=0
  out=$(PATH=$away/bin "$away/run-pipeline" a.yaml) || status=$?
  is status "$status" 7
  has out "$out" 'program a.yaml'
}

BuildsAgainAfterAFileWasEdited() {
  built
  echo >>"$copy/graph/run/run.cpp"
  run run-pipeline
  is called "${called%% -j*}" "ninja -C $copy/build"
}

BuildsAgainAfterAFileWasReplacedByAnOlderOne() {
  built
  touch -d 2001-01-01 "$away/old"
  cp -p "$away/old" "$copy/graph/run/run.cpp"
  run run-pipeline
  is called "${called%% -j*}" "ninja -C $copy/build"
}

BuildsAgainAfterAFileWasDeleted() {
  built
  rm "$copy/graph/run/run.h"
  run run-pipeline
  is called "${called%% -j*}" "ninja -C $copy/build"
}

DoesNotBuildTheProgramAgainWhenOnlyTestsHaveChanged() {
  built
  touch "$copy/tests/nodes/adam.cpp"
  run run-pipeline
  is called "$called" ''
}

ConfiguresAfreshInAFolderThatWasMoved() {
  built
  mv "$copy" "$away/moved"
  copy=$away/moved
  all_goes_well
  run run-pipeline
  is status "$status" 7
  is called "${called%% -j*}" "cmake --preset release --fresh
ninja -C $copy/build"
}

TriesAgainAfterABuildThatFailed() {
  built
  echo >>"$copy/graph/run/run.cpp"
  stand_in ninja 'echo graph/run/run.cpp:1:1: error >&2; exit 1'
  run run-pipeline
  is status "$status" 1
  is out "$out" ''
  has err "$err" 'graph/run/run.cpp:1:1: error'
  has err "$err" 'run-pipeline: the build failed, see above'
  run run-pipeline
  is status "$status" 1
}

ShowsWhyItCouldNotConfigure() {
  all_goes_well
  stand_in cmake 'echo CMake Error: no compiler; exit 1'
  run run-pipeline
  is status "$status" 1
  is err "$err" "run-pipeline: configuring $copy/build
CMake Error: no compiler
run-pipeline: cmake could not configure, see above"
}

WaitsForABuildThatIsUnderWay() {
  all_goes_well
  mkdir "$copy/build"
  mkfifo "$away/err_pipe"
  exec {lock}>"$copy/build/.lock"
  flock "$lock"
  (cd "$away/elsewhere" && PATH=$away/bin exec "$copy/tools/run-pipeline") >"$away/out" 2>"$away/err_pipe" {lock}>&- &
  exec {errors}<"$away/err_pipe"
  read -r line <&"$errors"
  is 'first line' "$line" 'run-pipeline: waiting for another build'
  is calls "$(grep -c ^ninja "$calls" || true)" 0
  exec {lock}>&-
  cat <&"$errors" >"$away/err"
  status=0
  wait $! || status=$?
  is status "$status" 7
}

InstallsAllMissingPackagesAtOnce() {
  all_goes_well
  missing g++ libfmt-dev
  run run-pipeline
  is status "$status" 7
  is 'first call' "${called%%$'\n'*}" \
    'apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends g++ libfmt-dev'
  has err "$err" 'run-pipeline: installing 2 Debian packages: g++ libfmt-dev'
}

FetchesThePackageListsWhenThereAreNone() {
  all_goes_well
  missing g++
  stand_in apt-get '[[ $* != --simulate* ]]'
  run run-pipeline
  is calls "${called%%$'\n'cmake*}" 'apt-get -q -o DPkg::Lock::Timeout=300 update
apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends g++'
}

FetchesNewPackageListsWhenTheOldOnesDoNotDo() {
  all_goes_well
  missing g++
  stand_in apt-get "[[ \$* == *update ]] && : >$away/updated; [[ \$* == --simulate* || -e $away/updated ]]"
  run run-pipeline
  is 'number of calls' "$(grep -c ^apt-get <<<"$called")" 3
}

SaysWhatToTypeWithoutANetwork() {
  all_goes_well
  missing g++ libfmt-dev
  stand_in apt-get 'echo "E: Unable to fetch some archives" >&2; exit 100'
  run run-pipeline
  is status "$status" 1
  has err "$err" 'E: Unable to fetch some archives'
  has err "$err" 'run-pipeline: the packages could not be installed, see above; when there is a network, type:
  apt-get update && apt-get install --no-install-recommends g++ libfmt-dev'
}

SaysWhatRootIsToTypeWithoutSudo() {
  all_goes_well
  missing g++ libfmt-dev
  stand_in id 'echo 1000'
  run run-pipeline
  is status "$status" 1
  is called "$called" ''
  is err "$err" 'run-pipeline: Debian packages are missing and you are not root; have root type:
  apt-get update && apt-get install --no-install-recommends g++ libfmt-dev'
}

SaysWhatToTypeWhenSudoWantsAPasswordAndNobodyIsThere() {
  all_goes_well
  missing g++
  stand_in id 'echo 1000'
  stand_in sudo 'exit 1'
  run run-pipeline
  is status "$status" 1
  is err "$err" 'run-pipeline: Debian packages are missing and sudo wants a password; type:
  sudo apt-get update && sudo apt-get install --no-install-recommends g++'
}

InstallsWithSudoThatWantsNoPassword() {
  all_goes_well
  missing g++
  stand_in id 'echo 1000'
  stand_in sudo "shift; [[ \$1 == true ]] || exec \"\$@\""
  run run-pipeline
  is status "$status" 7
  has called "$called" 'sudo -n env DEBIAN_FRONTEND=noninteractive apt-get '
}

TestsEverythingAndPassesArgumentsToCtest() {
  all_goes_well
  run test -R unet
  is status "$status" 8
  is 'last call' "${called##*$'\n'}" "ctest --test-dir $copy/build --output-on-failure --no-tests=error -j $(nproc) -R unet"
  has called "$called" ' all'
}

BuildsTheTestsAgainAfterOneOfThemHasChanged() {
  built
  run test
  past_the_grain
  touch "$copy/tests/nodes/adam.cpp"
  run test
  is 'first call' "${called%% -j*}" "ninja -C $copy/build"
}

"$1"
