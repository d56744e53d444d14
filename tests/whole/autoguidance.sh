#!/usr/bin/env bash
# autoguidance.sh PROGRAM CASE: files with several models, each from a checkpoint of its own: one guides the other.
# shellcheck source=tests/whole/small_runs.sh
source "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh" "$1"

# Two models of other sizes: runs/001, and runs/002 with fewer weights. `drawn NAME OUT [OVERRIDE...]` draws with what
# `out` in the loop is.
trained_twice() {
  run train.yaml run.steps=30
  ends 0
  run train.yaml run.steps=6 model.attention_at=[] model.multipliers=[1,1]
  ends 0
}
# sample.yaml with `models: {main, weaker}` in place of `model`.
write_pair() {
  sed 's|^model:.*|models: {main: {from: "${checkpoint}", weights: ema}, weaker: {from: runs/002, weights: ema}}|' \
    sample.yaml >pair.yaml
}
drawn() {  # FOLDER FILE ARGUMENT...
  local folder=$1
  run "${@:2}" run.output="$folder"
  ends 0
}
out() { printf '%s' "nodes.denoise.loop.nodes.out=$1"; }

GoesFromTheWeakerModelToTheBetterOneAndBeyond() {
  trained_twice
  write_pair
  drawn main sample.yaml
  drawn weaker sample.yaml vars.checkpoint=runs/002
  local guided='type: guide, in: {x: carry.x, each: each}, model: main, reference: weaker'
  drawn scale0 pair.yaml "$(out "{$guided, scale: 0}")"
  drawn scale1 pair.yaml "$(out "{$guided, scale: 1}")"
  drawn scale3 pair.yaml "$(out "{$guided, scale: 3}")"
  same scale0/001/images weaker/001/images
  same scale1/001/images main/001/images
  diff -rq scale3/001/images main/001/images >/dev/null && fail 'scale 3 guides nowhere'
  drawn wired pair.yaml "$(out '{type: guidance, in: {conditional: better, unconditional: worse}, scale: 3}')" \
    --add 'nodes.denoise.loop.nodes.better={type: model, model: main, in: {x: carry.x, t: each.t}}' \
    --add 'nodes.denoise.loop.nodes.worse={type: model, model: weaker, in: {x: carry.x, t: each.t}}'
  same scale3/001/images wired/001/images
  sed -i 's|runs/002|runs/001|' pair.yaml  # away from itself is nowhere
  drawn itself pair.yaml "$(out "{$guided, scale: 3}")"
  same itself/001/images main/001/images
}

RefusesModelsThatDoNotBelongTogether() {
  run train.yaml run.steps=3
  ends 0
  run train.yaml run.steps=3 diffusion.prediction=epsilon diffusion.timesteps=50
  ends 0
  write_pair
  local guide='{type: guide, in: {x: carry.x, each: each}, model: main, reference: weaker}'
  run pair.yaml "$(out "$guide")"
  ends 2
  has "$err" "pair.yaml:3:55: section 'weaker': was trained with diffusion.prediction epsilon, but 'main' with v; models of one file must agree"
  has "$err" "pair.yaml:3:55: section 'weaker': was trained with diffusion.timesteps 50, but 'main' with 100; models of one file must agree"
  run train.yaml run.steps=3 'nodes.images.size=8' 'model.attention_at=[]'
  ends 0
  sed -i 's|runs/002|runs/003|' pair.yaml
  run pair.yaml "$(out "$guide")"
  ends 2
  has "$err" "section 'weaker': was trained with images of shape [1,8,8], but 'main' with [1,16,16]; models of one file must agree"
  sed -i 's|{from: runs/003, weights: ema}|{type: unet}|' pair.yaml
  run pair.yaml "$(out "$guide")"
  ends 2
  has "$err" "pair.yaml:3:63: section 'weaker' lacks the key 'from', which 'main' has; models of one file all come from checkpoints, or none does"
}

SaysWhatGuidesNowhere() {
  run train.yaml run.steps=3
  ends 0
  write_pair
  sed -i 's|runs/002|runs/001|' pair.yaml
  run pair.yaml "$(out '{type: guide, in: {x: carry.x, each: each}, model: main}')"
  ends 2
  has "$err" "node 'denoise/out' (guide): input 'label' is not wired, and 'reference' names no weaker model; one of them says what to guide away from"
  run pair.yaml "$(out '{type: model, model: main, in: {x: carry.x, t: each.t}}')"
  ends 2
  has "$err" "section 'weaker': no node calls it, so the weights of 'runs/001' have no place here; a node of 'type: model, model: weaker' calls it"
}

"$2"
