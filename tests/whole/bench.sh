#!/usr/bin/env bash
# bench.sh PROGRAM CASE: what run-pipeline bench measures, refuses and leaves behind.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"
mkdir temporary
export TMPDIR=$away/temporary

drawing() {
  cat <<'YAML'
run: {images: 3, micro_batch: 2}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  x0: {type: to_signed, in: images}
  xT: {type: gaussian_noise, in: x0}
  denoise:
    loop:
      each: {type: ddim_timesteps, steps: 5}
      carry: {x: xT}
      nodes:
        out: {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}
      next: {x: prev}
  bytes: {type: to_bytes, in: denoise.x}
  grid: {type: png_grid, in: bytes, path: samples.png}
YAML
}

json() {  # KEY...: a value of the object in out.txt
  printf 'file(READ out.txt text)\nstring(JSON value GET "${text}" %s)\nmessage("${value}")\n' "$*" >get.cmake
  cmake -P get.cmake 2>&1
  rm get.cmake
}

# Nothing is left in the folder but the files named, and nothing in that for temporary files.
is_clean() {  # FILE...
  is "$(ls -A | grep -vxF -e out.txt -e err.txt -e temporary -e train.yaml -e sample.yaml "${@/#/-e}" | tr '\n' ' ')" ''
  is "$(ls -A temporary)" ''
}

RefusesWhatItCannotMeasure() {
  run bench
  ends 2
  has "$err" 'file is required'
  run bench nothing.yaml
  ends 2
  is "$err" 'nothing.yaml: does not exist'
  local seconds
  for seconds in 0 -1 soon; do
    run bench train.yaml --seconds "$seconds"
    ends 2
    has "$err" "--seconds: '$seconds' is not a number from 0.1 to 86400"
  done
}

MeasuresTraining() {
  run bench train.yaml --seconds 0.2 --threads 2
  is "$err" ''
  ends 0
  has "$out" 'train.yaml: 44,969 parameters, '
  has "$out" ' images/s, '
  has "$out" '% of the peak in the median'
  has "$out" 'until the first frame enters the model'
  has "$out" 'the nodes in front of the model could bring '
  has "$out" 'adam_update'
  is_clean
}

MeasuresSampling() {
  drawing >draw.yaml
  run bench draw.yaml --seconds 0.2 --threads 2 --json
  is "$err" ''
  ends 0
  is "$(json training)" OFF
  is "$(json threads)" 2
  [[ $(json images_per_second) =~ ^[1-9] && $(json percent_of_peak median) =~ ^[0-9] ]]
  is "$(json float32_peak_gflops)" "$(json peak_gflops)"
  [[ $out != *'"data"'* ]] || fail 'it compares the model with data that are only noise'
  is_clean draw.yaml
}

MeasuresBFloat16AgainstItsOwnPeak() {
  drawing >draw.yaml
  run bench draw.yaml run.precision=bfloat16 --seconds 0.2 --threads 2
  [[ $status == 2 && $err == *'which this build cannot compute on this core'* ]] && exit 77
  is "$err" ''
  ends 0
  has "$out" ' GFLOP/s of bfloat16; '
  has "$out" '% of that of float32, '
  run bench draw.yaml run.precision=bfloat16 --seconds 0.2 --threads 2 --json
  ends 0
  is "$(json precision)" bfloat16
  # A dot product does twice the work of a multiply-add; half as fast would not show in so short a time.
  local own=$(json peak_gflops) float32=$(json float32_peak_gflops)
  ((${own%.*} * 4 > ${float32%.*} * 5)) || fail "bfloat16 peaks at $own GFLOP/s, float32 at $float32"
  is_clean draw.yaml
}

MeasuresHowItScales() {
  run bench train.yaml --seconds 0.2 --threads 2 --scaling --json
  ends 0
  is "$(json scaling threads)" 2
  [[ $(json scaling by_peak) =~ ^[0-9] && $(json types 0 forward_ms) =~ ^[0-9] ]]
  [[ $(json nodes 0 type) =~ ^[a-z_0-9]+$ ]]
}

# All of memory is found before the first step; images are read from a file, so that inflating them is in it, too.
AllocatesNothingInAStep() {
  cat >pack.yaml <<'YAML'
run: {images: 64, output: runs}
nodes:
  images: {type: drawn_digits, size: 16}
  file: {type: hdf5_writer, in: {images: images}, path: images.h5}
YAML
  run pack.yaml
  ends 0
  sed 's/type: drawn_digits, size: 16/type: hdf5_images, path: "runs\/001\/images.h5"/' train.yaml >file.yaml
  run bench file.yaml --seconds 1 --threads 2 --json --remove nodes.log --remove nodes.save
  ends 0
  [[ $out == *allocations_per_step* ]] || exit 77  # a sanitizer has brought its own malloc
  is "$(json training)" ON
  [[ $(json allocations_per_step all) =~ ^(0|[0-9.]+e-|0\.0) ]] || fail "it allocates $(json allocations_per_step)"
}

KeepsTheUsersFiles() {
  drawing >draw.yaml
  run bench draw.yaml nodes.grid.path="$away/mine.png" --seconds 0.2
  ends 2
  is "${err%%$'\n'*}" "command line: node 'grid' (png_grid): 'path' is '$away/mine.png'; a bench writes to a temporary folder only: give a relative path"
  echo mine >samples.png
  run bench draw.yaml --seconds 0.2
  ends 0
  is "$(<samples.png)" mine
  is_clean draw.yaml samples.png
}

TellsWhatANodeSays() {
  mkdir pictures
  echo 'no picture' >pictures/broken.png
  echo 'nodes: {files: {type: image_folder, path: pictures}, small: {type: resize, in: files, size: 8}}' >pack.yaml
  run bench pack.yaml
  ends 1
  has "$err" "node 'files' (image_folder): "
  is_clean pack.yaml pictures
}

CleansUpWhenItIsInterrupted() {
  "$program" bench train.yaml --seconds 600 >out.txt 2>err.txt &
  local bench=$!
  until [[ -e $(echo temporary/*/001/machine.json) ]]; do kill -0 "$bench"; done
  kill -TERM "$bench"
  status=0
  wait "$bench" || status=$?
  ends 75
  is "$(<err.txt)" $'\nstopping'
  is_clean
}

CountsAllocationsInAProcessOfItsOwn() {
  if nm -D --defined-only "$program" | grep -w malloc; then fail 'the program that users train with has its own malloc'; fi
}

"$2"
