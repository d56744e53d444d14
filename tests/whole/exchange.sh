#!/usr/bin/env bash
# exchange.sh PROGRAM CASE: from a training here to diffusers, and back. Where python3 (or $DAGFUSION_PYTHON) has diffusers, its
# DDIMPipeline draws the same images.
pipelines=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../pipelines" && pwd)
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")/../golden/exchange" && pwd)
. "$(dirname "${BASH_SOURCE[0]}")/small_runs.sh"
python=${DAGFUSION_PYTHON:-python3}

train() {  # CHANGE...
  run "$pipelines/train.yaml" run.steps=8 vars.output=runs/train --remove nodes.preview "$@"
  ends 0
}

sampling() {  # CHECKPOINT
  cat >sample.yaml <<YAML
run: {seed: 7, output: runs/sample}
model: {from: $1, weights: ema}
nodes:
  number:  {type: image_numbers, count: 16}
  xT:      {type: prior_noise, in: number}
  denoise:
    loop:
      each:    {type: sampling_timesteps, steps: 50}
      carry:   {x: xT}
      nodes:
        out:  {type: model, in: {x: carry.x, t: each.t}}
        prev: {type: ddim_step, in: {x: carry.x, prediction: out, each: each}}
      next:    {x: prev}
  noise:   {type: npy_writer, in: xT, path: noise.npy}
  images:  {type: npy_writer, in: denoise.x, path: images.npy}
YAML
  run sample.yaml
  ends 0
}

DrawsTheSameImagesWhenItComesBack() {
  train
  run export runs/train exported
  ends 0
  has "$out" "(686769 parameters, weights 'ema', step 8) is in exported"
  run import exported
  ends 0
  has "$out" 'of diffusers'"'"' UNet2DModel'
  has "$out" 'model: {type: unet, channels: 16, multipliers: [1, 2, 4], blocks: 1, attention_at: [8], groups: 8}'
  sampling runs/train
  sampling runs/imported
  cmp runs/sample/001/images.npy runs/sample/002/images.npy || fail 'the images differ'
}

GoesOnFromWhatWasImported() {
  train
  run export runs/train exported
  run import exported
  run "$pipelines/train.yaml" --remove model --remove diffusion --add 'model={from: runs/imported, weights: ema}' \
    run.steps=4 vars.output=runs/tuned --remove nodes.preview
  ends 0
  rm -r runs/imported
  sampling runs/tuned
  run export runs/tuned again
  ends 0
}

DiffusersDrawsTheSameImages() {
  "$python" -c 'import diffusers' 2>/dev/null || exit 77
  train "$@"
  run export runs/train exported
  ends 0
  sampling runs/train
  "$python" - runs/sample/001 <<'PYTHON' || fail 'diffusers draws others'
import sys
import numpy, torch, safetensors.torch
from diffusers import DDIMPipeline
import diffusers.pipelines.ddim.pipeline_ddim as ddim
noise = torch.from_numpy(numpy.load(sys.argv[1] + "/noise.npy"))
ddim.randn_tensor = lambda *shape, **rest: noise  # start from our noise
pipeline = DDIMPipeline.from_pretrained("exported")
images = pipeline(len(noise), num_inference_steps=50, use_clipped_model_output=True, output_type="numpy").images
ours = numpy.load(sys.argv[1] + "/images.npy").transpose(0, 2, 3, 1)
difference = 2 * abs(images - (ours / 2 + 0.5).clip(0, 1)).max()
print("largest difference", difference)
sys.exit(int(difference > 1e-3))
PYTHON
}

DiffusersDrawsTheSameImagesOfOtherSchedules() {
  DiffusersDrawsTheSameImages diffusion.prediction=epsilon diffusion.schedule=sigmoid
}

DrawsFromEachAsItSays() {
  local name options arguments
  while read -r name options; do
    # shellcheck disable=SC2086
    run import "$golden/$name" $options --output imported
    ends 0
    mapfile -t arguments < <(sed -n 's/^draw: run-pipeline //p' <<<"$out" | xargs -n 1)  # xargs takes quotes as a shell does
    run "${arguments[@]}" vars.count=2 run.output=drawn
    ends 0
    has "$out" '2 images in drawn/'
  done <<'END'
diffusers_google
diffusers_film
openai_iddpm/model.pt --size 16 model.groups=4
openai_adm/model.pt --size 16 model.groups=4 model.head_channels=4
END
}

# Imported, exported under the names it had, and imported again: the same bits, and the same section.
ComesBackUnderTheNamesItHad() {
  local name source format options
  while read -r name source format options; do
    # shellcheck disable=SC2086
    run import "$golden/$name/$source" $options --output "first/$name"
    ends 0
    run export "first/$name" "$name.safetensors" --format "$format"
    ends 0
    has "$out" "read: network.load_state_dict(safetensors.torch.load_file('$name.safetensors'))"
    # shellcheck disable=SC2001,SC2046
    run import "$name.safetensors" $(sed 's/--part [^ ]*//' <<<"$options") --output "again/$name"
    ends 0
    for file in weights.safetensors pipeline.yaml; do
      cmp "first/$name/001/checkpoints/step-000000/$file" "again/$name/001/checkpoints/step-000000/$file" || fail "$name: $file differs"
    done
  done <<'END'
edm_ddpmpp model.pt edm
edm_plain model.pt edm
edm_adm model.pt edm model.head_channels=4
denoising_diffusion_pytorch model-1.pt denoising_diffusion_pytorch --size 16 --part ema.ema_model.model.
openai_iddpm model.pt openai --size 16 model.groups=4
openai_shift model.pt openai --size 16 model.groups=4 model.heads=1
openai_adm model.pt openai --size 16 model.groups=4 model.head_channels=4
ddpm_original ckpt.pth ddpm --size 16 --part 4. model.groups=4
END
}

# Imported, exported as ONNX, and computed by onnxruntime: what the original computes.
OnnxruntimeComputesTheSame() {
  "$python" -c 'import onnx, onnxruntime, numpy' 2>/dev/null || exit 77
  local name source options
  while read -r name source options; do
    # shellcheck disable=SC2086
    run import "$golden/$name/$source" $options --output "imported/$name"
    ends 0
    run export "imported/$name" "$name.onnx" --format onnx
    ends 0
    "$python" - "$golden/$name/io.safetensors" "$name.onnx" <<'PYTHON' || fail "$name differs"
import json, struct, sys
import numpy, onnx, onnxruntime
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
given = {name: numpy.frombuffer(data[slice(*of["data_offsets"])], "<f4").reshape(of["shape"])
         for name, of in header.items() if name != "__metadata__"}
onnx.checker.check_model(onnx.load(sys.argv[2]), full_check=True)
session = onnxruntime.InferenceSession(sys.argv[2])
inputs = {"sample": given["x"], "timestep": given["t"]}
if "augment" in given:
    inputs["augment"] = given["augment"]
if "label" in given:
    inputs["class_labels"] = given["label"].astype(numpy.int64)
y = session.run(None, inputs)[0]
wanted = given["y" if "y" in given else "y_legacy"]
error = abs(y - wanted).max() / abs(wanted).max()
print("largest difference", sys.argv[2], error)
sys.exit(int(not error < 1e-4))
PYTHON
  done <<'END'
diffusers_google .
diffusers_film .
diffusers_plain .
diffusers_norms .
diffusers_uneven . model.classes=3
diffusers_vectors .
diffusers_no_middle .
edm_ddpmpp model.pt
edm_plain model.pt
edm_adm model.pt model.head_channels=4
denoising_diffusion_pytorch model-1.pt --size 16 --part ema.ema_model.model.
openai_iddpm model.pt --size 16 model.groups=4
openai_shift model.pt --size 16 model.groups=4 model.heads=1
openai_adm model.pt --size 16 model.groups=4 model.head_channels=4
ddpm_original ckpt.pth --size 16 --part 4. model.groups=4
END
}

"$2"
