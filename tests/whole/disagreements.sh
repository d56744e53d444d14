#!/usr/bin/env bash
# disagreements.sh PROGRAM CASE: what a file that draws, or goes on training, may not say otherwise than the checkpoint that it
# takes: the noise process, what the model predicts, its classes, its size.
# shellcheck source=tests/whole/small_runs.sh
source "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh" "$1"

trained() {  # ARGUMENT...
  run train.yaml run.steps=3 "$@"
  ends 0
}
refused() {  # WHAT ARGUMENT...: the whole first line
  run "${@:2}"
  ends 2
  is "${err%%$'\n'*}" "$1"
}

ProcessAndTargetAreThoseOfTheCheckpoint() {
  trained
  for section in '{schedule: linear}' '{process: flow, prediction: velocity}' '{prediction: epsilon, timesteps: 100}'; do
    { cat sample.yaml; echo "diffusion: $section"; } >other.yaml
    refused "other.yaml:17:1: section 'diffusion' comes from the model's checkpoint; take it out of this file" other.yaml
  done
  refused "command line: section 'model': unknown key 'channels'; known are from, weights, inside" \
    sample.yaml --add model.channels=4
}

TimesAreThoseOfTheProcess() {
  trained 'diffusion={process: flow, prediction: velocity}'
  refused "sample.yaml:9:14: node 'denoise/each' (ddim_timesteps): counts timesteps, which 'process' flow has not; sampling_timesteps gives times of every process" \
    sample.yaml
  refused "command line: node 'denoise/each' (sampling_timesteps): 'list' holds 50, but the times of 'process' flow go from 1e-05 to 1" \
    sample.yaml 'nodes.denoise.loop.each={type: sampling_timesteps, list: [50, 0.5]}'
  refused "command line: node 'denoise/each' (sampling_timesteps): 'spacing' leading counts timesteps, which 'process' flow has not; trailing is usual there" \
    sample.yaml 'nodes.denoise.loop.each={type: sampling_timesteps, spacing: leading}'
}

NoiseIsAsLargeAsTheProcessHasIt() {
  trained 'diffusion={process: edm, prediction: edm}' 'nodes.t={type: lognormal_sigmas, in: x0}'
  run sample.yaml 'nodes.denoise.loop.each={type: sampling_timesteps, steps: 3}'
  ends 1
  has "$err" "where images with the noise of t = 80 have 80 or more; prior_noise draws what 'process' edm starts from"
}

ClassesAreThoseOfTheModel() {
  trained
  refused "command line: node 'label' (labels): asks for the classes of the model, which has none" \
    sample.yaml --add 'nodes.label={type: labels, in: number, list: [3]}'
  run sample.yaml --add "nodes.digits={type: drawn_digits, size: 16}" --add nodes.denoise.loop.nodes.out.in.label=digits.label
  ends 2
  has "$err" "node 'denoise/out' (unet): input 'label' is wired, but the model has no classes; 'classes: auto' in its section"
}

LabelsOfADataSetMeanTheClassesOfTheModel() {
  trained --add model.classes=auto --add nodes.out.in.label=images.label
  for class in cat dog; do mkdir -p animals/$class; done
  cat >draw.yaml <<'END'
run: {images: 4}
nodes:
  images: {type: drawn_digits, size: 16}
  files:  {type: png_folder, in: images, path: drawn}
END
  run draw.yaml run.output=drawing
  ends 0
  local n=0
  for file in drawing/001/drawn/*.png; do
    cp "$file" "animals/$([[ $((n++ % 2)) == 0 ]] && echo cat || echo dog)/"
  done
  cat >pack.yaml <<'END'
nodes:
  files:  {type: image_folder, path: animals, channels: 1}
  square: {type: center_crop, in: files, size: 16, channels: 1}
  packed: {type: hdf5_writer, in: {images: square, label: files.label}, path: animals.h5}
END
  run pack.yaml
  ends 0
  cat >measure.yaml <<'END'
run: {seed: 7}
model: {from: runs/001, weights: ema}
nodes:
  images: {type: hdf5_images, path: animals.h5}
  x0:     {type: to_signed, in: images}
  t:      {type: uniform_timesteps, in: x0}
  noise:  {type: gaussian_noise, in: x0}
  xt:     {type: add_noise, in: {x0: x0, noise: noise, t: t}}
  out:    {type: model, in: {x: xt, t: t, label: images.label}}
  target: {type: prediction_target, in: {x0: x0, noise: noise, t: t}}
  loss:   {type: mse_loss, in: {prediction: out, target: target}}
  mean:   {type: mean_over_images, in: {loss: loss.per_image}}
END
  refused "measure.yaml:9:3: node 'out/class_embedding' (class_embedding): label 0 is 'cat' in the data set, but '0' in the model" \
    measure.yaml
  sed -i 's|{type: hdf5_images, path: animals.h5}|{type: drawn_digits, size: 16}|; s|{seed: 7}|{seed: 7, images: 4}|' measure.yaml
  run measure.yaml  # of the same classes
  ends 0
}

ImagesHaveTheSizeOfTheModel() {
  trained
  run sample.yaml 'nodes.xT={type: gaussian_noise, in: x0}' --add 'nodes.digits={type: drawn_digits, size: 8}' \
    --add 'nodes.x0={type: to_signed, in: digits}'
  ends 2
  has "$err" "node 'denoise/out' (model): input 'x' holds images [1,8,8], but the model was made for [1,16,16]"
}

ALearnedVarianceIsTakenApart() {
  run train.yaml run.steps=3 diffusion.variance=learned_range model.out_channels=2 \
    --add 'nodes.halves={type: split_channels, in: out}' nodes.loss.in.prediction=halves.prediction
  ends 0
  refused "sample.yaml:13:62: node 'denoise/prev' (ddim_step): input 'prediction' is [4,2,16,16], but input 'x' is [4,1,16,16]: the sides from number 2 on must agree" \
    sample.yaml
  run sample.yaml run.output=whole --add 'nodes.denoise.loop.nodes.halves={type: split_channels, in: out}' \
    nodes.denoise.loop.nodes.prev.in.prediction=halves.prediction
  ends 0
}

"$2"
