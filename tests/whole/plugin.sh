#!/usr/bin/env bash
# plugin.sh PROGRAM CASE: what an installed package and a plugin built against it can do.
. "$(dirname "${BASH_SOURCE[0]}")/plugin_example.sh"

BuildsAgainstTheInstalledPackage() {
  rm -rf "$example"
  mkdir -p "$example"
  cmake --install "$build" --prefix "$example/prefix" >out.txt 2>err.txt || fail 'it cannot be installed'
  cp -r "$sources/plugin" "$example/charbonnier"
  cmake -S "$example/charbonnier" -B "$example/charbonnier/build" -DCMAKE_PREFIX_PATH="$example/prefix" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release >out.txt 2>err.txt || fail 'it cannot be configured'
  cmake --build "$example/charbonnier/build" >out.txt 2>err.txt || fail 'it cannot be built'
  [[ -f $library ]] || fail "there is no $library"
}

InstallsAVersionThatFitsTheMinorOne() {
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\nfind_package(dagfusion ${wanted} REQUIRED)\n' \
    >CMakeLists.txt
  cmake -B ok -Dwanted=0.1 -DCMAKE_PREFIX_PATH="$example/prefix" >out.txt 2>err.txt || fail 'it does not take 0.1'
  ! cmake -B no -Dwanted=0.2 -DCMAKE_PREFIX_PATH="$example/prefix" >out.txt 2>err.txt || fail 'it takes 0.2'
  has "$(<err.txt)" 'compatible with requested version "0.2"'
}

InstallsHeadersThatStandAlone() {
  local header
  cd "$example/prefix/include/dagfusion"
  for header in *.h */*.h */*/*.h; do
    "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wno-missing-field-initializers -Werror -x c++ -I . \
      -include "$header" /dev/null 2>"$away/err.txt" || fail "$header does not stand alone"
  done
}

InstallsTheManualAndCompletions() {
  [[ -s $example/prefix/share/man/man1/run-pipeline.1 ]] || fail 'no manual page'
  cmp "$example/prefix/share/man/man1/run-pipeline.1" <("$program" man) || fail 'another manual page'
  bash -n "$example/prefix/share/bash-completion/completions/run-pipeline"
  [[ -s $example/prefix/share/zsh/site-functions/_run-pipeline ]] || fail 'no completions for zsh'
  [[ -s $example/prefix/share/fish/vendor_completions.d/run-pipeline.fish ]] || fail 'no completions for fish'
}

EverySubcommandKnowsItsTypes() {
  run check "$pipeline"
  ends 0
  has "$out" 'no fault found'
  run nodes --like loss --plugin "$library"
  ends 0
  is "$out" "mse_loss           loss  Mean squared error between the model's prediction and its target.
l1_loss            loss  Mean of the absolute difference between prediction and target.
huber_loss         loss  Squared error where the prediction is near its target, absolute error where it is far.
pseudo_huber_loss  loss  A smooth bend from squared error near the target to absolute error far from it.
hybrid_loss        loss  Squared error for the prediction, the variational bound for a learned variance.
charbonnier_loss   loss  A smooth absolute error: squared where the prediction is near its target."
  run describe charbonnier_loss --plugin "$library"
  ends 0
  is "$(head -n 5 <<<"$out")" 'charbonnier_loss: A smooth absolute error: squared where the prediction is near its target.

  map: many frames at once; has a backward
  stands for loss; so do mse_loss, l1_loss, huber_loss, pseudo_huber_loss, hybrid_loss
  Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553'
  has "$out" 'epsilon    real, above 0, at most 1000, default 0.001'
  run schema --plugin "$library"
  ends 0
  has "$out" '"node_charbonnier_loss"'
  run plan "$pipeline" --tasks
  ends 0
  has "$out" charbonnier_loss
  run graph "$pipeline"
  ends 0
  has "$out" charbonnier_loss
  run resolve "$pipeline" --plain
  ends 0
  has "$out" "plugins: [$library]"
  run diff "$pipeline" train.yaml
  ends 0
  has "$out" '~ nodes.loss: charbonnier_loss -> mse_loss'
  run verify "$pipeline" --steps 1 --threads 1,2
  ends 0
}

TrainsGoesOnAndSamples() {
  run "$pipeline"
  ends 0
  is "$(wc -l <runs/001/metrics.csv)" 4
  mkdir elsewhere
  mv runs elsewhere/
  cd elsewhere
  run check runs/001/pipeline.yaml  # it names the library by its whole path
  ends 0
  run --resume runs/001 run.steps=5
  ends 0
  is "$(wc -l <runs/001/metrics.csv)" 6
  run ../sample.yaml model.weights=live
  ends 0
  [[ -s samples/001/images/00002.png ]] || fail "$(find samples)"
}

# The loss of one frame, from what it read and by its formula: the mean of sqrt((p - t)^2 + 0.01^2).

ComputesWhatItsFormulaSays() {
  run "$pipeline" --record step=2,node=loss
  ends 0
  local folder=runs/001/records/step-000002/loss
  run run-node "$folder" --output again
  ends 0
  numbers() { od -An -v -w4 -t f4 -j 128 "$1"; }  # of an array with a header of the usual size
  local by_hand by_node
  by_hand=$(paste <(numbers "$folder/prediction.npy") <(numbers "$folder/target.npy") |
    awk '{ sum += sqrt(($1 - $2) ^ 2 + 0.01 ^ 2) } END { if (NR != 3 * 256) exit 1; printf "%.5f", sum / NR }')
  by_node=$(numbers again/loss.npy | awk '{ printf "%.5f", $1 }')
  is "$by_node" "$by_hand"
}

# What the layers of the next tests are made of.
multiplied='
class Multiplied : public DifferentiableMap {
 public:
  Multiplied(Setup& setup, double by) : by_(by), x_(setup.input("x")), y_(setup.output("y")) {}
  void forward(Call& call) const override { scale(call.in<float>(x_), call.out<float>(y_)); }
  void backward(Call& call) const override {
    if (float* dx = call.d<float>(x_)) scale(call.d<float>(y_), dx);
  }
 private:
  void scale(const float* from, float* to) const {
    for (std::size_t i = 0; i < y_.spec.stored_elements(); ++i) to[i] = static_cast<float>(by_) * from[i];
  }
  double by_;
  Input x_;
  Output y_;
};'

# A layer of the model: who samples from a checkpoint need not know of it, and learns where it was.

IsFoundByWhoSamplesFromACheckpoint() {
  compile libcontrast.so <<CPP
#include <graph/plugin.h>
using namespace dagfusion;
$multiplied
struct Contrast final : Multiplied {
  explicit Contrast(Setup& setup) : Multiplied(setup, setup.real("factor")) {}
};
DAGFUSION_PLUGIN(catalog) {
  catalog.nodes = {{.name = "contrast",
                    .summary = "Multiplies every value by a factor.",
                    .inputs = {{"x", "[...] f32 free", "any value"}},
                    .outputs = {{"y", "[...] f32 free", "factor * x"}},
                    .parameters = {{.name = "factor", .kind = Kind::real, .doc = "of all values", .standard = 2.0}},
                    .create = make_node<Contrast>}};
}
CPP
  cat >preview.yaml <<'YAML'
run: {micro_batch: 4, images: 4}
model:
nodes:
  number: {type: image_numbers, count: 4}
  xT:     {type: gaussian_noise, in: number, shape: model}
  more:   {type: contrast, in: xT}
  bytes:  {type: to_bytes, in: more}
  files:  {type: png_folder, in: bytes, path: images}
YAML
  cat >layer.yaml <<'YAML'
extends: train.yaml
plugins: [libcontrast.so]
set: {run.steps: 3}
replace: {"model/**/attention*": {type: contrast}}
YAML
  run layer.yaml --add 'nodes.preview={type: run_pipeline, pipeline: preview.yaml, every: 3}'
  ends 0
  [[ -s runs/001/previews/step-000003/images/00003.png ]] || fail "$(find runs)"
  run sample.yaml
  ends 0
  rm libcontrast.so
  run check sample.yaml
  ends 2
  is "$err" "runs/001/checkpoints/step-000003/pipeline.yaml:1:11: 'plugins' names $PWD/libcontrast.so, which does not exist
  1 | plugins: [$PWD/libcontrast.so]
    |           $(printf '^%.0s' $(seq ${#PWD}))^^^^^^^^^^^^^^^"
}

StandsInFilesThatExtendOthersAndOnTheCommandLine() {
  cp "$library" .
  cat >delta.yaml <<'YAML'
extends: train.yaml
plugins: [libcharbonnier.so]
replace: {loss: {type: charbonnier_loss, epsilon: 0.1}}
YAML
  run check delta.yaml --plugin libcharbonnier.so  # named twice, in two places: once is enough
  ends 0
  run resolve train.yaml --plain --plugin libcharbonnier.so nodes.loss.type=charbonnier_loss
  ends 0
  has "$out" "plugins: [$PWD/libcharbonnier.so]"
  has "$out" 'type: charbonnier_loss'
  cat >sweep.yaml <<'YAML'
extends: train.yaml
plugins: [libcharbonnier.so]
replace: {loss: {type: charbonnier_loss}}
sweep:
  axes: {nodes.loss.epsilon: [0.1, 0.2], nodes.adam.learning_rate: [1.0e-3, 2.0e-3]}
  seeds: [1]
  metric: {file: metrics.csv, column: loss}
YAML
  run sweep sweep.yaml --list
  ends 2
  has "$err" 'another measure in epsilon=0.2,learning_rate=1.0e-3 than in epsilon=0.1,learning_rate=1.0e-3'
  sed -i 's/epsilon: .*], nodes/epsilon: [0.1], nodes/' sweep.yaml
  run sweep sweep.yaml --list
  ends 0
  has "$out" epsilon=0.1,learning_rate=2.0e-3
}

IsLookedForInTheDirectoriesOfTheEnvironment() {
  mkdir shelf
  cp "$library" shelf/
  echo 'plugins: [gone/libcharbonnier.so]' | cat - train.yaml >with.yaml
  refused gone/libcharbonnier.so 'does not exist'
  DAGFUSION_PLUGINS=/nowhere:$PWD/shelf run check with.yaml nodes.loss.type=charbonnier_loss
  ends 0
  export DAGFUSION_PLUGINS=/nowhere
  refused libcharbonnier.so 'does not exist, nor does DAGFUSION_PLUGINS have it'
}

DiffTakesAPlugin() {
  run diff train.yaml "$pipeline" --plugin "$library"
  ends 0
  has "$out" '~ nodes.loss: mse_loss -> charbonnier_loss'
  sed 's/mse_loss/charbonnier_loss/' train.yaml >mine.yaml
  run diff train.yaml mine.yaml
  ends 2
  run diff train.yaml mine.yaml --plugin "$library"
  ends 0
  is "$out" '~ nodes.loss: mse_loss -> charbonnier_loss'
}

# A layer that reads a section of its own: what the model was trained with is what it draws with.

scaled() {  # LIBRARY SUMMARY
  compile "$1" <<CPP
#include <graph/plugin.h>
using namespace dagfusion;
struct Scale final : Resource {
  explicit Scale(const Parameters& p) : by(p.real("by")) {}
  double by;
};
$multiplied
struct Scaled final : Multiplied {
  explicit Scaled(Setup& setup) : Multiplied(setup, setup.resource<Scale>("scale").by) {}
};
DAGFUSION_PLUGIN(catalog) {
  catalog.nodes = {{.name = "scaled", .summary = "$2",
                    .inputs = {{"x", "[...] f32 free", "any value"}},
                    .outputs = {{"y", "[...] f32 free", "scaled"}},
                    .create = make_node<Scaled>}};
  catalog.sections = {{"scale", "How much.", {{.name = "by", .kind = Kind::real, .doc = "factor", .required = true}},
                       [](const Parameters& p) { return std::make_unique<Scale>(p); }}};
}
CPP
  cat >scaled.yaml <<'YAML'
extends: train.yaml
plugins: [libscaled.so]
set: {run.steps: 3}
replace: {"model/**/attention*": {type: scaled}}
YAML
}

BringsASectionThatSamplingTakesFromTheCheckpoint() {
  scaled libscaled.so 'Scales.'
  run scaled.yaml --add 'scale={by: 0.25}'
  ends 0
  run sample.yaml
  ends 0
  run check sample.yaml --add 'scale={by: 0.5}' --plugin libscaled.so
  ends 2
  is "${err%%$'\n'*}" "command line: section 'scale' comes from the model's checkpoint; take it out of this file"
}

ResumingNoticesThatItWasBuiltWithOtherCode() {
  scaled libscaled.so 'Scales.'
  run scaled.yaml --add 'scale={by: 0.25}'
  ends 0
  local then now
  then=$(sed -n 's/.*"libscaled.so \([0-9a-f]*\)".*/\1/p' runs/001/checkpoints/step-000003/state.json)
  [[ $then =~ ^[0-9a-f]{8}$ ]] || fail "$(<runs/001/checkpoints/step-000003/state.json)"
  run --resume runs/001 run.steps=4
  ends 0
  scaled libscaled.so 'Scales, but differently.'
  run --resume runs/001 run.steps=5
  ends 2
  now=${err##*and now }
  now=${now%%)*}
  [[ $now =~ ^[0-9a-f]{8}$ && $now != "$then" ]] || fail "$err"
  is "$err" "runs/001/checkpoints/step-000004: the plugin libscaled.so has other code than when this was written (CRC32C $then, and now $now); results would not be those of the same run, --fork starts a new one from here"
  run sample.yaml
  ends 0
  has "$out" "model: the plugin libscaled.so has other code than when this was written (CRC32C $then, and now $now)"
  run --resume runs/001 --fork run.steps=5
  ends 0
  has "$(<runs/002/checkpoints/step-000005/state.json)" "\"libscaled.so $now\""
}

# A copy of a built-in loss under another name, whose author left the function's name: it must not get the program's.

CallsItsOwnFunctions() {
  mkdir mine
  cat >mine/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(mine LANGUAGES CXX)
find_package(dagfusion 0.1 REQUIRED)
dagfusion_add_plugin(mine mine.cpp)
CMAKE
  cat >mine/mine.cpp <<'CPP'
#include <graph/plugin.h>
namespace dagfusion {
struct Mine final : Map {
  explicit Mine(Setup& setup) { setup.input("x"); setup.output("y"); }
  void forward(Call&) const override {}
};
NodeType mse_loss() {
  return {.name = "mine", .summary = "Mine.", .inputs = {{"x", "[N] f32", ""}}, .outputs = {{"y", "[N] f32", ""}},
          .create = make_node<Mine>};
}
}
DAGFUSION_PLUGIN(catalog) { catalog.nodes = {dagfusion::mse_loss()}; }
CPP
  cmake -S mine -B built -DCMAKE_PREFIX_PATH="$example/prefix" -DCMAKE_CXX_COMPILER="$compiler" >out.txt 2>err.txt &&
    cmake --build built >out.txt 2>err.txt || fail 'it cannot be built'
  run describe mine --plugin built/libmine.so
  ends 0
  has "$out" 'mine: Mine.'
}

"$2"
