# A training pipeline of twelve steps and one that samples, in a folder of their own, and what tests of whole runs say about
# them. Sourced with the program to run; the caller then runs the case it was asked for.
set -euo pipefail

program=$(realpath "$1")
away=$(mktemp -d)
mounted= process=
finish() {
  [[ -z $process ]] || kill -KILL "$process" 2>/dev/null || true
  [[ -z $mounted ]] || umount "$mounted"
  rm -rf "$away"
}
trap finish EXIT
cd "$away"

cat >train.yaml <<'END'
vars: {rate: 2.0e-3}
run: {seed: 3, steps: 12, batch_size: 12, micro_batch: 3, output: runs}
diffusion: {schedule: cosine, timesteps: 100, prediction: v}
model: {type: unet, channels: 8, multipliers: [1, 2], blocks: 1, attention_at: [8], groups: 4, dropout: 0.1}
nodes:
  images:  {type: drawn_digits, size: 16}
  x0:      {type: to_signed, in: images}
  t:       {type: uniform_timesteps, in: x0}
  noise:   {type: gaussian_noise, in: x0}
  xt:      {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out:     {type: model, in: {x: xt, t: t}}
  target:  {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss:    {type: mse_loss, in: {prediction: out, target: target}}
  adam:    {type: adam, minimize: loss, learning_rate: "${rate}", warmup_steps: 5, clip_norm: 1.0}
  ema:     {type: weight_average, after: adam, decay: 0.9}
  log:     {type: metrics_log, in: {loss: loss}}
  save:    {type: checkpoint, every: 3}
END
cat >sample.yaml <<'END'
vars: {checkpoint: runs/001, count: 3}
run: {seed: 7, micro_batch: 4, output: samples}
model: {from: "${checkpoint}", weights: ema}
nodes:
  number: {type: image_numbers, count: "${count}"}
  xT:     {type: gaussian_noise, in: number, shape: model}
  denoise:
    loop:
      each:  {type: ddim_timesteps, steps: 5}
      carry: {x: xT}
      nodes:
        out:  {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}, eta: 0.5}
      next:  {x: prev}
  bytes:  {type: to_bytes, in: denoise.x}
  files:  {type: png_folder, in: bytes, path: images}
END

run() {  # ARGUMENT...: sets status, out, err
  status=0
  "$program" "$@" >out.txt 2>err.txt </dev/null || status=$?
  out=$(<out.txt)
  err=$(<err.txt)
}

fail() {
  printf '%s\n' "$@" "--- out.txt" >&2
  cat out.txt >&2
  echo "--- err.txt" >&2
  cat err.txt >&2
  exit 1
}

ends() { [[ $status == "$1" ]] || fail "the status is $status and should be $1"; }  # STATUS
is() { [[ $1 == "$2" ]] || fail "is '$1'" "and should be '$2'"; }                     # VALUE EXPECTED
has() { [[ $1 == *"$2"* ]] || fail "'$1'" "should have '$2'"; }                       # VALUE PART
same() { diff -r -x lock "$1" "$2" >differences.txt || fail "$1 and $2 differ" "$(<differences.txt)"; }

started() {  # ARGUMENT...: starts a run that will not end by itself, and waits for its first steps; sets process
  "$program" train.yaml run.steps=1000000 "$@" >out.txt 2>err.txt </dev/null &
  process=$!
  local log=runs/001/metrics.csv
  until [[ -e $log && $(wc -l <"$log") -gt 2 ]]; do
    kill -0 "$process" 2>/dev/null || fail 'the run ended by itself'
    sleep 0.05
  done
}
ended() {  # waits for it; sets status, out, err
  status=0
  wait "$process" || status=$?
  process=
  out=$(<out.txt)
  err=$(<err.txt)
}
