#!/usr/bin/env bash
# plugin_refusals.sh PROGRAM CASE: plugins that are none, or that do not fit, each with the whole message.
. "$(dirname "${BASH_SOURCE[0]}")/plugin_example.sh"

RefusesWhatIsNoLibrary() {
  echo 'once upon a time' >notes.txt
  refused notes.txt 'is not a shared library'
  : >empty.so
  refused empty.so 'is not a shared library'
  mkdir folder
  refused folder 'is a directory'
  cp "$library" libcharbonnier.so
  refused libcharbonier.so 'does not exist; did you mean '\''libcharbonnier.so'\''?' "did you mean 'libcharbonnier.so'?"
  local size part
  size=$(stat -c %s "$library")
  head -c 20 "$library" >short.so
  refused short.so 'is cut short: 20 of 64 bytes are there'
  for part in 100 1000 4096 $((size / 2)) $((size - 1)); do  # dlopen would be killed by some of these
    head -c "$part" "$library" >short.so
    refused short.so "is cut short: $part of $size bytes are there"
  done
  cp "$library" foreign.so
  printf '\xf3\x00' | dd of=foreign.so bs=1 seek=18 conv=notrunc status=none  # e_machine: RISC-V
  refused foreign.so 'was built for another kind of processor'
}

RefusesWhatIsNoPlugin() {
  echo 'int nothing;' | compile libother.so
  refused libother.so 'is not a plugin; it lacks DAGFUSION_PLUGIN of graph/plugin.h' 'it lacks DAGFUSION_PLUGIN of graph/plugin.h'
}

RefusesWhatWasBuiltForAnotherVersion() {
  local abi
  abi=$(sed -n 's/^#define DAGFUSION_ABI "\(.*\)".*/\1/p' "$example/prefix/include/dagfusion/graph/version.h")
  compile libold.so -DDAGFUSION_ABI='"00000003"' <<'CPP'
#include <graph/plugin.h>
DAGFUSION_PLUGIN(catalog) { __builtin_trap(); }
CPP
  refused libold.so "was built for Dagfusion 0.1.0 (ABI 00000003, libstdc++), and this program is 0.1.0 (ABI $abi, libstdc++); build it again" \
    'build it again'
}

RefusesWhatCannotBeLoaded() {
  compile libundefined.so <<'CPP'
#include <graph/plugin.h>
namespace dagfusion { NodeType not_there(int); }
DAGFUSION_PLUGIN(catalog) { catalog.nodes = {dagfusion::not_there(3)}; }
CPP
  refused libundefined.so 'cannot be loaded: undefined symbol: dagfusion::not_there(int)'
  compile libthrows.so <<'CPP'
#include <stdexcept>
#include <graph/plugin.h>
DAGFUSION_PLUGIN(catalog) { throw std::runtime_error("no licence"); }
CPP
  refused libthrows.so 'cannot tell its node types: no licence'
}

RefusesTypesThatCannotBe() {
  compile libtypes.so <<'CPP'
#include <graph/plugin.h>
using namespace dagfusion;
struct Nothing final : Map {
  explicit Nothing(Setup&) {}
  void forward(Call&) const override {}
};
DAGFUSION_PLUGIN(catalog) {
  catalog.nodes = {{.name = "mse_loss", .create = make_node<Nothing>},
                   {.name = "half_made"},
                   {.name = "odd_port", .inputs = {{"x", "[N,C f32", "feature maps"}}, .create = make_node<Nothing>}};
  catalog.sections = {{.name = "run"}};
}
CPP
  echo 'plugins: [libtypes.so]' >names.yaml
  run check names.yaml
  ends 2
  local said="
  1 | plugins: [libtypes.so]
    |           ^^^^^^^^^^^"
  is "$err" "names.yaml:1:11: node type 'mse_loss' of libtypes.so: there is one of that name already$said
names.yaml:1:11: node type 'half_made' of libtypes.so: it has no 'create'$said
names.yaml:1:11: node type 'odd_port' of libtypes.so: port '[N,C f32': it opens with a shape, like '[N,C,H,W] f32'$said
names.yaml:1:11: section 'run' of libtypes.so: there is one of that name already$said"
}

RefusesTheSameTwice() {
  cp "$library" .
  mkdir folder
  echo 'plugins: [libcharbonnier.so, folder/../libcharbonnier.so]' >names.yaml
  run check names.yaml
  ends 2
  is "$err" "names.yaml:1:30: 'plugins' names folder/../libcharbonnier.so twice
  1 | plugins: [libcharbonnier.so, folder/../libcharbonnier.so]
    |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^"
  run nodes --plugin libcharbonier.so
  ends 2
  is "$err" "command line: 'plugins' names libcharbonier.so, which does not exist; did you mean 'libcharbonnier.so'?
   | --plugin libcharbonier.so
   |          ^^^^^^^^^^^^^^^^ did you mean 'libcharbonnier.so'?"
}

"$2"
