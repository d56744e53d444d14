#!/usr/bin/env bash
# ablations.sh PROGRAM CASE: what can be swapped in a file of three lines is swapped, and runs.
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"

swapped() {  # YAML: runs what differs from train.yaml
  printf 'extends: train.yaml\n%s\n' "$1" >swap.yaml
  run swap.yaml
  ends 0
  [[ -f runs/001/checkpoints/step-000012/MANIFEST ]] || fail 'it did not train to its end'
}

SwapsTheLoss() {
  swapped 'replace: {loss: {type: huber_loss, delta: 0.5}}'
  has "$out" 'loss: huber_loss instead of mse_loss'
  has "$(<runs/001/pipeline.yaml)" 'loss: {type: huber_loss, in: {prediction: out, target: target}, delta: 0.5}'
}

SwapsAttentionForNothing() {
  swapped 'replace: {"model/**/attention*": {type: identity}}'
  has "$out" "section 'model': inside '**/attention*': 4 identity instead of attention_block; dropped eps, group_channels, groups, heads, init, norm, skip_scale"
  run sample.yaml
  ends 0
}

SwapsTheNorm() {
  swapped 'replace: {"model/**/norm*": {type: rms_norm}}'
  has "$out" "rms_norm instead of group_norm"
  run sample.yaml
  ends 0
}

SwapsTheSchedule() {
  swapped 'set: {diffusion.schedule: linear}'
  has "$(<runs/001/pipeline.yaml)" 'schedule: linear'
}

SwapsTheSampler() {
  run train.yaml
  ends 0
  printf 'extends: sample.yaml\nreplace: {denoise/each: {type: ddpm_timesteps, steps: 5}, denoise/prev: {type: ddpm_step}}\n' >ddpm.yaml
  run ddpm.yaml
  ends 0
  has "$out" 'denoise/prev: ddpm_step instead of ddim_step; dropped eta'
}

# Half the squared error of a huber_loss whose delta is never reached: the first losses are in that very proportion.
SeesTheSameBatchesTimestepsAndNoise() {
  run train.yaml
  ends 0
  swapped_after() { printf 'extends: train.yaml\n%s\n' "$1" >swap.yaml; run swap.yaml; ends 0; }
  swapped_after 'replace: {loss: {type: huber_loss, delta: 1000}}'
  first() { sed -n 2p "runs/$1/metrics.csv" | cut -d, -f4; }
  awk -v a="$(first 001)" -v b="$(first 002)" 'BEGIN { exit !(b > 0 && a / b > 1.999999 && a / b < 2.000001) }' ||
    fail "first losses $(first 001) and $(first 002)"
}

SweepsComparesAndGoesOn() {
  cat >sweep.yaml <<'END'
extends: train.yaml
set: {run.steps: 3}
sweep:
  axes: {loss: {mse: {}, huber: {replace: {loss: {type: huber_loss}}}}}
  seeds: [1, 2]
  metric: {file: metrics.csv, column: loss}
  output: sweeps
END
  run sweep sweep.yaml
  ends 2
  has "$err" "such numbers cannot be compared"
  sed -i 's/{loss: {mse: .*/{nodes.adam.warmup_steps: [5, 2]}/; s/^  axes: .*/  axes: {nodes.adam.warmup_steps: [5, 2]}/' sweep.yaml
  run sweep.yaml
  ends 2
  has "$err" "sweep.yaml:4:3: 'sweep' makes many runs of sweep.yaml; type: run-pipeline sweep sweep.yaml"
  run sweep sweep.yaml --list
  ends 0
  is "$out" 'warmup_steps=5   (the baseline)
warmup_steps=2
2 cells, 2 seeds: 4 runs'
  run sweep sweep.yaml
  ends 0
  has "$out" 'loss is the mean over 2 seeds, smaller is better'
  [[ $(grep -c . sweeps/001/report.csv) == 5 ]] || fail 'report.csv has not a line for each run'
  has "$(<sweeps/001/report.html)" '<h2>Loss in training</h2>'
  rm sweeps/001/warmup_steps=2/seed-2/done sweeps/001/report.*
  run sweep sweep.yaml --resume
  ends 0  # it had done all its steps
  [[ -f sweeps/001/report.html ]] || fail 'no report'
  rm -r sweeps/001/report.* sweeps/001/warmup_steps=2/seed-2
  run sweep sweep.yaml --resume
  ends 0
  [[ -f sweeps/001/report.html && ! -d sweeps/001/warmup_steps=5/seed-1/002 ]] || fail 'it did not go on'
  run sweep sweep.yaml run.steps=7 nodes.adam.decay_steps=6
  ends 0
  is "$(grep -c "'decay_steps' is 6, and run.steps 7: in the last 1 the learning rate is 0" out.txt)" 4
  run sweep sweep.yaml nodes.adam.learning_rate=fast
  ends 2
  is "$(grep -c "'learning_rate' is 'fast'" err.txt)" 1  # and not for every cell
  run sweep sweep.yaml nodes.adam.decay_steps=3
  ends 2
  has "$err" "(cell warmup_steps=5)"
}

RefusesWhatMatchesNothing() {
  printf 'extends: train.yaml\nreplace: {"model/**/attenton*": {type: identity}}\n' >swap.yaml
  run swap.yaml
  ends 2
  has "$err" "swap.yaml:2:11: section 'model': inside has no node '**/attenton*'"
}

"$2"
