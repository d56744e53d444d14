# An example plugin as its author builds it, against an installed package: into tests/plugin_example of the build folder, by
# the first case of plugin.sh, which all others use. Sourced with the program and the case.
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

build=${program%/tools/run-pipeline}
example=$build/tests/plugin_example
library=$example/charbonnier/build/libcharbonnier.so
pipeline=$example/charbonnier/pipeline.yaml
export CMAKE_GENERATOR=Ninja  # the packages that the program needs bring no make
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
if [[ $2 != BuildsAgainstTheInstalledPackage ]]; then program=$example/prefix/bin/run-pipeline; fi

compile() {  # LIBRARY OPTION...: from standard input
  "$compiler" -std=c++20 -shared -fPIC -x c++ - -I "$example/prefix/include/dagfusion" -o "$@"
}

refused() {  # LIBRARY WHY [HINT]: what `check` says of a file that names it, and what running it says
  echo "plugins: [$1]" >names.yaml
  run check names.yaml
  ends 2
  is "$err" "names.yaml:1:11: 'plugins' names $1, which $2
  1 | plugins: [$1]
    |           $(printf '^%.0s' $(seq ${#1}))${3:+ $3}"
  run names.yaml
  ends 2
  is "$err" "$("$program" check names.yaml 2>&1)"
}
