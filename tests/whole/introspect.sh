#!/usr/bin/env bash
# introspect.sh PROGRAM CASE: what the subcommands say that look into a file and run nothing.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

CheckTellsAllFaultsWithTheirLines() {
  cat >bad.yaml <<'YAML'
vars: {shuffle: perhaps}
run: {images: 4}
nodes:
  images: {type: hdf5_images, path: "x.h5", shuffle: "${shuffle}"}
  digits: {type: drawn_digit}
  signed: {type: to_signed, in: digit}
  bytes:  {type: to_bytes, in: signed, rounded: true}
YAML
  run check bad.yaml
  ends 2
  is "$out" ''
  is "$err" "bad.yaml:4:54: node 'images' (hdf5_images): 'shuffle' is 'perhaps'; it must be true or false
  4 |   images: {type: hdf5_images, path: \"x.h5\", shuffle: \"\${shuffle}\"}
    |                                                      ^^^^^^^^^^^^ it must be true or false
  = the value is that of vars.shuffle, at bad.yaml:1:17
bad.yaml:5:18: node 'digits': no type 'drawn_digit'; did you mean 'drawn_digits'?
  5 |   digits: {type: drawn_digit}
    |                  ^^^^^^^^^^^ did you mean 'drawn_digits'?
bad.yaml:6:33: node 'signed' (to_signed): no node 'digit'; did you mean 'digits'?
  6 |   signed: {type: to_signed, in: digit}
    |                                 ^^^^^ did you mean 'digits'?
bad.yaml:7:40: node 'bytes' (to_bytes): unknown key 'rounded'; known are type, in, after, every, on_error, stream, doc, when, otherwise
  7 |   bytes:  {type: to_bytes, in: signed, rounded: true}
    |                                        ^^^^^^^"
  run bad.yaml
  ends 2
  is "$err" "$("$program" check bad.yaml 2>&1)"
}

CheckShowsTheOverrideThatIsWrong() {
  run check train.yaml run.steps=20 nodes.adam.learnig_rate=1e-3
  ends 2
  is "$err" "command line: node 'adam' (adam): unknown key 'learnig_rate'; did you mean 'learning_rate'?
   | nodes.adam.learnig_rate=1e-3
   |            ^^^^^^^^^^^^ did you mean 'learning_rate'?"
  run check train.yaml vars.rate=fast
  ends 2
  is "$err" "train.yaml:14:56: node 'adam' (adam): 'learning_rate' is 'fast'; it must be a number
  14 |   adam:    {type: adam, minimize: loss, learning_rate: \"\${rate}\", warmup_steps: 5, clip_norm: 1.0}
     |                                                        ^^^^^^^^^ it must be a number
  = the value is that of vars.rate, at command line vars.rate=fast"
  run check train.yaml --remove nodes.emma
  ends 2
  is "$err" "command line: no 'nodes.emma' in train.yaml; did you mean 'nodes.ema'?
   | --remove nodes.emma
   |          ^^^^^^^^^^ did you mean 'nodes.ema'?"
}

CheckShowsThePartOfALongLine() {
  printf 'nodes: {a: {type: drawn_digits, doc: "%s", size: %s}}\n' "$(printf 'ä%.0s' {1..200})" 0 >long.yaml
  run check long.yaml
  ends 2
  is "$err" "long.yaml:1:448: node 'a' (drawn_digits): 'size' is 0; it must be between 8 and 512
  1 | …ääääääääääääääääääää\", size: 0}}
    |                               ^ it must be between 8 and 512"
}

CheckWritesJson() {
  run check train.yaml --json
  ends 0
  is "$err" ''
  is "$out" '{
  "file": "train.yaml",
  "nodes": 106,
  "parameters": 44969,
  "training": true,
  "micro_batch": 3,
  "steps": 12,
  "batch_size": 12
}'
  run check train.yaml nodes.adam.learnig_rate=1e-3 --json
  ends 2
  is "$err" ''
  is "$out" "[
  {
    \"file\": \"command line\",
    \"line\": 0,
    \"column\": 12,
    \"message\": \"node 'adam' (adam): unknown key 'learnig_rate'; did you mean 'learning_rate'?\",
    \"suggestion\": \"did you mean 'learning_rate'?\",
    \"override\": \"nodes.adam.learnig_rate=1e-3\"
  }
]"
}

RefusesOptionsInItsOwnWords() {
  run train.yaml --thread 2
  ends 2
  is "$err" "command line: unknown option '--thread'; did you mean '--threads'?"
  run train.yaml --threads two
  ends 2
  has "$err" "--threads: 'two' is not a whole number from 1 to 1024"
  refuses "--trace and --record look at the same place; take one of them" train.yaml --trace t --record step=1,node=loss
  refuses "--record: 'step' is '0'; it must be a number from 1 on" train.yaml --record step=0,node=loss
  refuses "--record: unknown key 'nod'; did you mean 'node'?" train.yaml --record step=1,nod=loss
  refuses "--record: 'node' is missing, as in step=100,node=loss" train.yaml --record step=1
  refuses "--in x: expected PORT=FILE.npy, like x=images.npy" run-node silu --in x
  refuses "'groups': expected PARAMETER=VALUE, like groups=8" run-node silu groups
  refuses "--ranks needs two numbers to compare, like 1,2" verify train.yaml --ranks 1
  refuses "'model' is not a node type and has no JSON" describe model --json
  PATH=/nowhere run train.yaml --ranks 2
  ends 2
  is "$err" '--ranks needs an MPI to start them with, and there is no mpirun: apt-get install openmpi-bin libopenmpi-dev, and build again'
  DAGFUSION_INSTRUCTION_SET=sse run check train.yaml
  ends 2
  is "$err" "DAGFUSION_INSTRUCTION_SET is 'sse': it can be avx2, or not set, for the best that the processor has"
  printf 'extends: train.yaml\nsweep: {seeds: [1], axes: {run.steps: [2]}, metric: {column: loss}, output: nowhere}\n' >sweep.yaml
  run sweep sweep.yaml --resume
  ends 2
  is "$err" 'there is no sweep below nowhere to go on with'
}

refuses() {  # MESSAGE ARGUMENT...
  run "${@:2}"
  ends 2
  is "$err" "command line: $1"
}

HelpListsAllSubcommandsAndTheExitCodes() {
  run --help
  ends 0
  local name help=$out
  for name in check nodes describe plan graph schema bench; do
    has "$help" $'\n'"  $name "
    run "$name" --help
    ends 0
    has "$out" "run-pipeline $name "
    has "$out" 'Exit codes: 0 done; 1 '
  done
  has "$help" 'Exit codes: 0 done; 1 '
}

ManIsAPageOfAllThatHelpTells() {
  run man
  ends 0
  is "$err" ''
  is "$(grep '^\.SH' out.txt)" '.SH NAME
.SH SYNOPSIS
.SH DESCRIPTION
.SH COMMANDS
.SH EXIT STATUS
.SH FILES
.SH ENVIRONMENT'
  local page command
  page=$out
  [[ $page == "${page//[^[:ascii:]]/}" ]] || fail 'there are characters that are not ASCII'
  for command in $("$program" --help | sed -n 's/^  \([a-z][a-z-]*\)  *[A-Z][a-z].*/\1/p'); do
    has "$page" ".SS ${command//-/\\-}"
    "$program" "$command" --help >out.txt
    has "$page" ".B $(sed -n 's/^  \(--[a-z-]*\).*/\1/p' out.txt | tail -n 1 | sed 's/-/\\-/g')"
    has "$page" "$(sed -n 's/^  \(run-pipeline .*\)/\1/p' out.txt | tail -n 1 | sed 's/-/\\-/g; s/~/\\(ti/g')"
  done
  has "$page" '.TP
75
stopped by a signal, and can go on
'
  if command -v groff >/dev/null; then
    groff -man -Tutf8 -ww <<<"$page" >out.txt 2>err.txt || fail 'groff refuses it'
    is "$(<err.txt)" ''
  fi
}

ReachesAPipelineNamedLikeASubcommand() {
  cp train.yaml check
  run ./check --check
  ends 0
  is "$out" './check: 106 nodes, 44969 parameters; no fault found'
}

NodesListsWhatCanStandInForAnother() {
  run nodes --like sampler
  ends 0
  is "$(awk '{print $1}' out.txt | tr '\n' ' ')" 'ddpm_step ddim_step euler_step '
  local by_word=$out
  run nodes --like ddim_step
  is "$out" "$by_word"
  run nodes
  has "$out" 'Mixes clean images with noise, as much as the timestep says.'
  run nodes --markdown
  has "$out" '| **diffusion** | |
| `uniform_timesteps` | Draws a time for each image, evenly over those of the noise process. |'
  run nodes --like samplr
  ends 2
  is "$err" "command line: no node stands for 'samplr', and no type is called so; did you mean 'sampler'?"
  run nodes --like stop_gradient
  ends 2
  is "$err" "command line: nothing can stand in for 'stop_gradient'"
  run nodes --like sampler --manual
  ends 0
  has "$out" '## ddpm_step

One step of ancestral sampling, from time t to t_prev. Ho et al. 2020, arXiv:2006.11239, eq. 6, 7 and algorithm 2.
'
  has "$out" '  prev = mean + s * z, z ~ N(0, 1)'
  run nodes --like loss --json
  ends 0
  has "$out" '"name": "mse_loss"'
}

DescribeTellsAllOfAType() {
  run describe noise_step
  ends 0
  is "$out" 'noise_step: One step of the Markov chain that turns images into noise.

  map: many frames at once; no backward
  Ho et al. 2020, arXiv:2006.11239, eq. 2

what it computes
    xt = a * x + sqrt(b) * noise,  a = alpha(t) / alpha(t_prev),  b = sigma(t)^2 - a^2 * sigma(t_prev)^2
    process discrete, from t - 1 to t: a = sqrt(1 - beta[t]), b = beta[t]

  x, noise, xt: [N,...]; t, t_prev: [N], times of the section `diffusion`; t_prev may be the clean image'"'"'s.

inputs
  x       [N,...] f32  images with the noise of t_prev
  t       [N] f32      timestep of each image after the step
  t_prev  [N] f32      time of each image before the step; t - 1 when not wired (without timesteps: clean) (need not be wired)
  noise   [N,...] f32  standard Gaussian; drawn by the node when not wired (need not be wired)

outputs
  xt  [N,...] f32  images with the noise of t

example
  name: {type: noise_step, in: {x: x, t: t}}'
  COLUMNS=60 run describe noise_step
  has "$out" "  t_prev  [N] f32      time of each image before the step; t
                       - 1 when not wired (without
                       timesteps: clean) (need not be wired)"
  run describe uniform_timestep
  ends 2
  is "$err" "command line: no node type or section 'uniform_timestep'; did you mean 'uniform_timesteps'?"
}

OwnTypesOfAPipelineAreKnownToo() {
  cat >own.yaml <<'YAML'
extends: train.yaml
blocks:
  scaled_loss:
    doc: the mean squared error, as a type of our own
    stands_for: [loss]
    inputs: {prediction: "[N,C,H,W] f32", target: "[N,C,H,W] f32"}
    outputs: {loss: mse}
    parameters: {strength: {kind: real, default: 1.0, doc: said but not used}}
    nodes: {mse: {type: mse_loss, in: {prediction: prediction, target: target}}}
YAML
  run describe scaled_loss --of own.yaml
  ends 0
  has "$out" 'the mean squared error, as a type of our own'
  has "$out" 'strength'
  run nodes --like loss --of own.yaml
  ends 0
  has "$out" scaled_loss
  run schema --of own.yaml
  ends 0
  has "$out" '"scaled_loss"'
  run schema
  [[ $out != *scaled_loss* ]] || fail 'a type that nobody named'
  run describe scaled_loss --of missing.yaml
  ends 2
}

DescribeTellsTheKeysOfASection() {
  run describe diffusion
  ends 0
  has "$out" '  prediction         epsilon | sample | v'
  run describe run
  ends 0
  has "$out" 'optimiser updates'
  run describe loop
  ends 0
  has "$out" '  carry    names of the carried values'
}

PlanTellsTasksAndMemory() {
  run plan train.yaml run.threads=2
  ends 0
  is "$err" ''
  has "$out" ' forward '
  has "$out" 'adds to the step'
  has "$out" 'lanes '
  [[ $(wc -l <out.txt) -lt 50 ]] || fail 'the table is long'
  run plan train.yaml --tasks --slots
  ends 0
  has "$out" 'out/conv_in (conv2d)'
  has "$out" 'd out/conv_in'
  run plan train.yaml run.threads=2 --json
  ends 0
  has "$out" '"lanes": 2,'
  has "$out" '"frames_per_step": 4,'
}

PlanExpectsMoreCoresAndProcesses() {
  cat >times.json <<'END'
{"batch_size": 12, "micro_batch": 3, "nodes": [{"name": "out/conv_in", "forward_ms": 1, "backward_ms": 2, "weight_gradient_ms": 1}]}
END
  run plan train.yaml --cores 1,64 --times times.json --ranks 2
  ends 0
  has "$out" 'efficiency  what bounds it'
  has "$out" '    1      1        24.0      500.0       1.0        100%  the work itself'
  has "$out" '   64      4         3.2     3764.7       7.5         12%  4 frames in 1 wave of 0.4 ms, then 0.0 ms once per step'
  has "$out" 'on 10gbe '
  run plan train.yaml --cores 1,64 --times times.json --ranks 2 --json
  ends 0
  has "$out" '"cores": 64,'
  has "$out" '"efficiency": 0.1176'
  has "$out" '"network": "10gbe",'
  has "$out" '"memory_bytes": '
  { cat train.yaml; echo '  all:     {type: npy_writer, in: xt, path: all.npy}'; } >written.yaml
  run plan written.yaml --ranks 2
  ends 2
  is "$err" "written.yaml:18:3: node 'all' (npy_writer): takes every frame of a training in order, which 2 processes that share its steps cannot give it; run one process, or take the node out
  18 |   all:     {type: npy_writer, in: xt, path: all.npy}
     |   ^^^ run one process, or take the node out"
  run plan train.yaml --cores 64
  ends 2
  is "$err" 'command line: --cores needs --times, and --times is for --cores or --ranks: `run-pipeline bench FILE --json > times.json`, then `plan FILE --cores 16,64 --times times.json`'
  sed 's/"nodes": \[/"images_per_second": 100, &{"name": "adam\/update", "step_ms": 2}, /' times.json >update.json
  run plan train.yaml --times update.json --ranks 2
  ends 0
  is "$(grep -A3 '^update' <<<"$out")" 'update        24.0 ms  of all weights, by every rank
waves            100%  of 2 lanes a rank are full
step           0.07 s   0.07 s of computing, so 165.9 images/s: 83% of 2 times one rank'"'"'s'
  run plan train.yaml --cores 64 --times none.json
  ends 2
  is "$err" 'none.json: --times: there is no such file; `run-pipeline bench FILE --json > times.json` makes one'
  echo '{"batch_size": 12, "nodes": []}' >half.json
  run plan train.yaml --cores 64 --times half.json
  ends 2
  is "$err" 'half.json: --times: is not what `run-pipeline bench FILE --json` writes'
  sed 's/conv_in/conv_on/' times.json >others.json
  run plan train.yaml --cores 64 --times others.json
  ends 2
  is "$err" "others.json: --times: names none of this pipeline's nodes"
  run plan train.yaml --cores 64 --times times.json run.batch_size=24
  ends 2
  has "$err" 'measured with batches of 12 in frames of 3, and this pipeline has 24 in 3'
}

ScheduleShowsTheNoiseProcess() {
  printf 'diffusion: {schedule: linear}\nnodes: {number: {type: image_numbers, count: 1}}\n' >linear.yaml
  run schedule linear.yaml --times 3 --svg curves.svg
  ends 0
  has "$out" 'process discrete, prediction epsilon'
  has "$out" '       500     0.27892     0.96031     0.01006     0.08436'
  has "$out" 'curves in curves.svg'
  has "$(<curves.svg)" '<polyline'
  run schedule linear.yaml --csv
  is "$(wc -l <out.txt)" 1001
  is "$(tail -n 1 out.txt | cut -d, -f 1,4)" '999,0.02'
  run schedule linear.yaml 'diffusion={process: flow, prediction: velocity}' --times 2
  has "$out" 'process flow, prediction velocity'
  run schedule linear.yaml diffusion.schedule=cosin
  ends 2
  has "$err" "'schedule' is 'cosin'; did you mean 'cosine'?"
  run schedule linear.yaml --remove diffusion
  ends 2
  has "$err" "linear.yaml:1:1: no section 'diffusion' here, and no model from a checkpoint that has one"
}

PlanTellsTheTimesOfALoop() {
  printf 'diffusion: {}
nodes:
  number: {type: image_numbers, count: 1}
  x: {type: gaussian_noise, in: number}
  l: {loop: {each: {type: sampling_timesteps, steps: 3}, carry: {x: x}, nodes: {y: {type: add_noise, in: {x0: carry.x, noise: x, t: each.t}}}, next: {x: y}}}
' >loop.yaml
  run plan loop.yaml
  ends 0
  has "$out" 'l          3 iterations  t = 666, 333, 0'
}

GraphDrawsBoxesAndEdges() {
  run graph train.yaml
  ends 0
  has "$out" '"x0" -> "noise" [label=" [3,1,16,16] f32"]'
  has "$out" 'model: unet'
  [[ $out != *conv_in* ]] || fail 'a layer is shown'
  run graph train.yaml --expand
  ends 0
  has "$out" 'subgraph "cluster_out"'
  has "$out" '<B>conv_in</B>'
  has "$out" 'weight gradient'
  run graph train.yaml --depth 1
  ends 0
  has "$out" 'subgraph "cluster_out"'
  has "$out" '<B>down0</B><BR/><FONT POINT-SIZE="9" COLOR="#55555a">'
  has "$out" '"out/down0" -> "out/down1"'
  [[ $out != *block0* ]] || fail 'a block is shown'
  run graph train.yaml --depth 2
  ends 0
  has "$out" 'subgraph "cluster_out/down0"'
  has "$out" '<B>block0</B>'
  [[ $out != *conv1* ]] || fail 'a layer is shown'
  run graph train.yaml --expand model.blocks=4
  has "$out" '↑ out/down0/block0'  # an arrow as long as the drawing stands in both boxes
  run graph train.yaml --depth 2 --expand
  ends 2
  run graph train.yaml --with-timings runs/001
  ends 2
  is "$err" 'command line: there is no runs/001/times.csv; a run writes it when it ends'
}

GraphSaysWhatToInstall() {
  mkdir no_programs
  PATH=$away/no_programs run graph train.yaml --format svg
  ends 2
  is "$err" 'command line: this format needs the program dot of Graphviz (Debian: apt-get install graphviz); --format dot does without'
}

GraphMakesAPage() {
  run train.yaml run.steps=2 run.threads=2
  ends 0
  mkdir no_programs
  PATH=$away/no_programs run graph train.yaml --format html --with-timings runs/001 --output train.html
  ends 0
  is "$out" ''
  local page
  page=$(<train.html)
  has "$page" '<title>train.yaml</title>'
  has "$page" '{"title":"train.yaml","open":0,"graph":{"nodes":[{"path":"images","type":"drawn_digits","look":"source","where":"train.yaml:6"'
  has "$page" '"in":[["x",'
  has "$page" '"seconds":{"forward":'
  has "$page" '"weight gradient":'
  has "$page" '"composites":{"images":"drawn_digits",'
  has "$page" '"out":"unet"'
  has "$page" '"path":"backward/out/conv_in/weights","type":"weight gradient","look":"backward"'
  has "$page" '"path":"backward/out/mid/block0/conv1/gradient","type":"backward"'
  has "$page" '"backward/out":"unet"'
  [[ $page != *'src='* ]] || fail 'the page asks for something else'
  run graph sample.yaml vars.checkpoint=runs/001 --format html --output sample.html
  ends 0
  has "$(<sample.html)" '"denoise":"loop","denoise/out":"model"'
  run graph train.yaml --format html --depth 2 --output train.html
  has "$(<train.html)" '"open":2,'
  run graph train.yaml --format html --with-timings runs/002
  ends 2
  is "$err" 'command line: there is no runs/002/times.csv; a run writes it when it ends'
}

DiffTellsWhatDiffers() {
  printf 'extends: train.yaml\nreplace: {loss: {type: huber_loss}}\nset: {model.channels: 16}\nremove: [ema]\n' >other.yaml
  run diff train.yaml other.yaml
  ends 0
  is "$out" '~ model.channels: 8 -> 16
~ nodes.loss: mse_loss -> huber_loss
- nodes.ema: {type: weight_average, after: adam, decay: 0.9}

parameters 44,969 -> 176,849, multiply-adds an image 0.004551 G -> 0.01708 G'
  run diff train.yaml train.yaml
  is "$out" 'no difference'
  run diff train.yaml other.yaml --json
  has "$out" '"path": "nodes.ema"'
}

DiffComparesWhereDataAreMissing() {
  printf 'extends: train.yaml\nreplace: {images: {type: hdf5_images, path: pictures.h5}}\n' >other.yaml
  run diff train.yaml other.yaml
  ends 0
  is "$out" "~ nodes.images: drawn_digits -> hdf5_images
- nodes.images.size: 16
+ nodes.images.path: pictures.h5

sizes are not compared, since something is missing:
other.yaml:2:45: node 'images' (hdf5_images): 'path' is pictures.h5, which does not exist"
  run diff train.yaml other.yaml --json
  ends 0
  has "$out" '"missing": [
    "other.yaml:2:45: node '
  run diff train.yaml sample.yaml
  ends 0
  has "$out" "sizes are not compared, since something is missing:
sample.yaml:3:15: section 'model': there is no directory 'runs/001'"
  printf 'extends: other.yaml\nset: {nodes.adam.learning_rate: fast}\n' >wrong.yaml
  run diff train.yaml wrong.yaml
  ends 2
  has "$err" "'learning_rate'"
}

ResolveTellsWhereEachValueCameFrom() {
  printf 'extends: train.yaml\nset: {nodes.adam.clip_norm: 2}\n' >other.yaml
  run resolve other.yaml run.steps=9
  ends 0
  has "$out" '  steps: 9                                                              # command line'
  has "$out" '    clip_norm: 2                                                        # other.yaml:2:29'
  has "$out" '  x0: {type: to_signed, in: images}                                     # train.yaml:7:12'
  run resolve other.yaml --plain
  printf '%s\n' "$out" >plain.yaml
  run diff other.yaml plain.yaml
  is "$out" 'no difference'
}

VerifyFindsTheSameBits() {
  run verify train.yaml --steps 2 --threads 1,3
  ends 0
  has "$out" '3 threads: the same bits'
  [[ ! -e runs ]] || fail 'it left something behind'
  run verify train.yaml --threads 2
  ends 2
  has "$err" '--threads needs two numbers to compare, like 1,2'
}

RecordsWhatANodeReadsAndPlaysItAgain() {
  run train.yaml --record step=4,node=loss
  ends 0
  has "$out" 'recorded: runs/001/records/step-000004/loss'
  run run-node runs/001/records/step-000004/loss --output again
  ends 0
  has "$out" '[1] in again/loss.npy'
  run run-node huber_loss --in prediction=runs/001/records/step-000004/loss/prediction.npy \
    --in target=runs/001/records/step-000004/loss/target.npy delta=0.1 --output huber
  ends 0
  [[ -f huber/per_image.npy ]] || fail 'no per_image.npy'
  run train.yaml --record step=4,node=los
  ends 2
  has "$err" "command line: --record: no node 'los'; did you mean 'loss'?"
  run run-node conv2d channels=4 --in x=none.npy
  ends 2
  has "$err" "node 'in_x' (npy_reader): 'path' is none.npy, which does not exist"
}

PlaysARecordUnderTheSettingsSeedAndPlaceOfItsRun() {
  run train.yaml --record 'step=4,node=**'  # a cosine schedule, prediction v, seed 3
  ends 0
  local records=runs/001/records/step-000004 node
  for node in images t noise xt target; do
    run run-node "$records/$node" --output "again/$node"
    ends 0
  done
  cmp again/images/images.npy "$records/x0/x.npy" || fail 'other images'
  cmp again/t/t.npy "$records/xt/t.npy" || fail 'other timesteps'
  cmp again/noise/noise.npy "$records/xt/noise.npy" || fail 'other noise'
  cmp again/xt/xt.npy "$records/out/conv_in/x.npy" || fail 'another xt'
  cmp again/target/target.npy "$records/loss/target.npy" || fail 'another target'
}

RefusesARecordThatItCannotPlayAsItWas() {
  run train.yaml run.steps=1 --record 'step=1,node=out/mid/**'
  ends 0
  run run-node runs/001/records/step-000001/out/mid/block0/dropout
  ends 2
  is "$err" "command line: runs/001/records/step-000001/out/mid/block0/dropout: 'dropout' was recorded in training, and \
without it hands its input on; run-node trains nothing"
  mkdir old
  echo '{type: silu}' >old/node.yaml
  run run-node old
  ends 2
  is "$err" "old/node.yaml:1:1: has no section 'node', so it does not say how the node ran; record the node again
  1 | {type: silu}
    | ^ record the node again"
}

TracesEveryVisit() {
  run train.yaml run.steps=2 --trace trace.json
  ends 0
  has "$out" ' visits: trace.json'
  has "$(head -c 4000 trace.json)" '"ph":"X"'
  has "$(tail -c 200 trace.json)" 'process_name'
}

CompletesCommandsTypesAndFiles() {
  run completion bash
  ends 0
  bash -n out.txt
  (
    set +eu  # as in a shell that one types into
    . ./out.txt
    tab() {  # WORD...: as bash cuts the line
      COMP_WORDS=("$program" "$@") COMP_CWORD=$#
      _run_pipeline
    }
    tab describe hub
    is "${COMPREPLY[*]}" huber_loss
    tab swe
    is "${COMPREPLY[*]}" sweep
    tab tra
    is "${COMPREPLY[*]}" train.yaml
    mkdir 'my runs'
    tab --resume my
    is "${COMPREPLY[*]}" 'my runs/'
    tab train.yaml nodes.loss.type = hub
    is "${COMPREPLY[*]}" huber_loss
    tab train.yaml diffusion.schedule =
    has " ${COMPREPLY[*]} " ' cosine '
  )
  run completion tcsh
  ends 2
}

completes() { is "$("$program" completion --words "${@:2}" | tr '\n' ' ')" "$1"; }  # CANDIDATES WORD...

CompletesWhatEachCommandTakes() {
  completes '--add --depth --expand --format --help --output --plugin --remove --with-timings ' graph -
  completes 'dot html svg ' graph train.yaml --format ''
  completes 'train.yaml ' graph --format svg tr
  completes '--threads ' train.yaml --th
  mkdir -p runs/train
  completes 'runs/ ' report ru
  completes 'bash ' completion b
  completes 'run run_pipeline ' describe run
  completes 'huber_loss ' nodes --like huber
  completes 'delta= ' run-node huber_loss d
  touch my_nodes.so my_nodes.txt
  completes 'my_nodes.so ' check --plugin my
  completes 'p=my_nodes.so p=my_nodes.txt ' run-node huber_loss --in p=my
}

CompletesOverrides() {
  completes 'nodes. ' train.yaml no
  completes 'nodes.t. nodes.target. ' train.yaml nodes.t
  completes 'nodes.adam.weight_decay= nodes.adam.weights= ' train.yaml nodes.adam.we
  completes 'run.batch_size= ' train.yaml run.b
  completes 'diffusion.schedule=cosine ' train.yaml diffusion.schedule=cos
  completes 'nodes.adam.epsilon_hat=false nodes.adam.epsilon_hat=true ' train.yaml nodes.adam.epsilon_hat=
  completes 'nodes.adam.learning_rate=${rate} ' train.yaml nodes.adam.learning_rate=
  completes 'model/mid/ ' train.yaml model/m
  completes 'model/mid/attention. model/mid/attention/ ' train.yaml model/mid/a
  completes 'model/mid/attention.heads= ' train.yaml model/mid/attention.he
  completes 'model/mid/attention/norm.eps= ' train.yaml model/mid/attention/norm.ep
  completes 'model/mid/attention/norm.type=identity ' train.yaml model/mid/attention/norm.type=id
  completes 'run.seed= ' sweep train.yaml --add run.se
  run train.yaml run.steps=1
  completes 'denoise/ ' sample.yaml den
  completes 'denoise/each. denoise/out. denoise/prev. ' sample.yaml denoise/  # not the layers of the model, which stay as they are
  completes 'denoise/prev.eta= ' sample.yaml denoise/prev.e
  completes 'denoise/prev.eta=0.5 ' sample.yaml denoise/prev.eta=
  completes 'denoise/prev.type=ddpm_step ' sample.yaml denoise/prev.type=ddp
  completes 'denoise/each.steps= ' sample.yaml denoise/each.st
  completes '' train.yaml nothing.there
  printf 'extends: train.yaml\nset: {nodes.extra: {type: huber}' >broken.yaml
  completes '' broken.yaml nodes.
}

CompletesInZshAndFish() {
  command -v zsh >/dev/null && command -v fish >/dev/null || exit 77
  mkdir bin
  ln -s "$program" bin/run-pipeline
  run completion zsh
  ends 0
  zsh -n out.txt
  run completion fish
  ends 0
  mv out.txt completion.fish
  is "$(PATH=$away/bin:$PATH HOME=$away fish -c 'source completion.fish; complete -C "run-pipeline describe hub"')" huber_loss
  is "$(PATH=$away/bin:$PATH HOME=$away fish -c 'source completion.fish; complete -C "run-pipeline train.yaml diffusion.schedule=cos"')" diffusion.schedule=cosine
}

"$2"
