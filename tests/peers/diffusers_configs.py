"""Random configurations of diffusers' UNet2DModel, with random weights: does the network compute the same after `run-pipeline import`?

  python3 tests/peers/diffusers_configs.py build/tools/run-pipeline            100 networks
  python3 tests/peers/diffusers_configs.py PROGRAM --count 1000 --seed 7
  python3 tests/peers/diffusers_configs.py PROGRAM --schedulers                        every scheduler's keys, and its betas

Of each network: the same within 1e-4, or a refusal that names the key and its value. Needs torch and diffusers; a network
that diffusers itself cannot build or run is passed over.
"""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy
import torch
import diffusers

SIDE = 8
TOLERANCE = 1e-4
IMAGES = 2
SETTINGS = {  # each key with values that it may have, the usual ones more often
    "act_fn": ["silu", "silu", "swish", "mish", "gelu", "relu"],
    "add_attention": [True, True, False],
    "attention_head_dim": [None, 8, 4, 2, 1, 3],
    "attn_norm_num_groups": [None, None, 2, 4],
    "center_input_sample": [False, False, True],
    "class_embed_type": [None, None, None, "timestep", "identity"],
    "downsample_padding": [1, 0],
    "downsample_type": ["conv", "resnet"],
    "dropout": [0.0, 0.1],
    "flip_sin_to_cos": [True, False],
    "freq_shift": [0, 1],
    "in_channels": [1, 3, 4],
    "layers_per_block": [1, 2],
    "mid_block_scale_factor": [1, 1, 2 ** 0.5, 0.5, 3],
    "mid_block_type": ["UNetMidBlock2D", "UNetMidBlock2D", None],
    "norm_eps": [1e-5, 1e-6, 1e-3],
    "norm_num_groups": [4, 2, 1, 8],
    "num_class_embeds": [None, None, 3],
    "num_train_timesteps": [None, 1000],
    "out_channels": [1, 3, 6],
    "resnet_time_scale_shift": ["default", "scale_shift"],
    "time_embedding_dim": [None, None, 24],
    "time_embedding_type": ["positional"] * 12 + ["fourier", "learned"],
    "upsample_type": ["conv", "resnet"],
}
WIDTHS = [8, 16, 24, 12, 32]
DOWN = ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"]
UP = ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"]
RARE = {"downsample_padding": 2, "down_block_types": "SkipDownBlock2D", "up_block_types": "AttnSkipUpBlock2D",
        "class_embed_type": "projection", "act_fn": "leaky"}


def random_config(draw):
    levels = draw.choice([1, 2, 2, 3])
    config = {key: draw.choice(values) for key, values in SETTINGS.items() if draw.random() < 0.8}
    config.setdefault("norm_num_groups", 4)  # the default, 32, wants wide levels
    config.update(sample_size=SIDE, block_out_channels=[draw.choice(WIDTHS) for _ in range(levels)],
                  down_block_types=[draw.choice(DOWN) for _ in range(levels)],
                  up_block_types=[draw.choice(UP) for _ in range(levels)])
    return config


def built(config):
    """The model with random weights and what it computes of random inputs, or None where diffusers cannot."""
    try:
        model = diffusers.UNet2DModel(**config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape) * (0.5 / max(1, parameter[0].numel()) ** 0.5))
            for name, parameter in model.named_parameters():
                if "norm" in name and name.endswith("weight"):
                    parameter.add_(1)
            inputs = {"x": torch.randn(IMAGES, config.get("in_channels", 3), SIDE, SIDE), "t": torch.tensor([7.0, 401.0])}
            if config.get("time_embedding_type") == "learned":
                inputs["t"] = inputs["t"].long()
            given = {"sample": inputs["x"], "timestep": inputs["t"]}
            if config.get("class_embed_type") == "identity":
                inputs["augment"] = torch.randn(IMAGES, model.time_embedding.linear_2.out_features)
                given["class_labels"] = inputs["augment"]
            elif model.class_embedding is not None:
                inputs["label"] = torch.tensor([2, 0])
                given["class_labels"] = inputs["label"]
            return model, inputs, model(**given).sample.numpy()
    except Exception:  # whatever diffusers says
        return None


def ours(program, folder, inputs):
    """The section 'model' that import prints, and what the network computes here, or what import said instead."""
    imported = subprocess.run([program, "import", folder / "theirs", "--output", folder / "imported",
                               *(["model.classes=3"] if "label" in inputs else [])],
                              capture_output=True, text=True, timeout=60)
    if imported.returncode != 0:
        return None, imported.stderr + imported.stdout
    section = imported.stdout.split("\nmodel: ")[1].split("\n")[0]
    for port, values in inputs.items():
        numpy.save(folder / f"{port}.npy", values.numpy().astype("int32" if port == "label" else "float32"))
    wires = ", ".join(f"{port}: {port}" for port in inputs)
    (folder / "forward.yaml").write_text(
        f"run: {{images: {IMAGES}, micro_batch: {IMAGES}, output: {folder}/runs}}\n"
        f"model: {{from: {folder}/imported, weights: live}}\nnodes:\n" +
        "".join(f"  {port}: {{type: npy_reader, path: {folder}/{port}.npy}}\n" for port in inputs) +
        f"  out: {{type: model, in: {{{wires}}}}}\n  saved: {{type: npy_writer, in: out, path: y.npy}}\n")
    drawn = subprocess.run([program, folder / "forward.yaml"], capture_output=True, text=True, timeout=60)
    if drawn.returncode != 0:
        return section, "forward: " + drawn.stderr + drawn.stdout
    return section, numpy.load(next((folder / "runs").rglob("y.npy")))


def sweep(program, count, seed):
    draw = random.Random(seed)
    torch.manual_seed(seed)
    outcomes, largest, refusals = collections.Counter(), 0.0, collections.Counter()
    while outcomes["the same"] + outcomes["refused"] + outcomes["wrong"] < count:
        config = random_config(draw)
        rare = draw.choice(list(RARE)) if draw.random() < 0.05 else None
        result = built(config)
        if result is None:
            outcomes["not built by diffusers"] += 1
            continue
        model, inputs, wanted = result
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            model.save_pretrained(folder / "theirs")
            path = folder / "theirs/config.json"
            if rare:
                changed = json.loads(path.read_text())
                changed[rare] = [RARE[rare]] + changed[rare][1:] if isinstance(changed.get(rare), list) else RARE[rare]
                path.write_text(json.dumps(changed))
            section, found = ours(program, folder, inputs)
        if isinstance(found, str):
            key = next((key for key in [*SETTINGS, "block_out_channels", "down_block_types", "up_block_types"] if f"'{key}'" in found), None)
            named = section is None and key is not None
            outcomes["refused" if named else "wrong"] += 1
            refusals[f"{key}" if named else found] += 1
            if not named:
                print("REFUSED WITHOUT A KEY", json.dumps(config), found.strip())
            continue
        error = float(abs(found - wanted).max() / abs(wanted).max())
        largest = max(largest, error)
        good = error < TOLERANCE and not rare
        outcomes["the same" if good else "wrong"] += 1
        if not good:
            print("DIFFERS" if not rare else f"{rare} IGNORED", error, json.dumps(config), section)
    print(dict(outcomes), "largest difference", largest, "refused by key", dict(refusals))
    return outcomes["wrong"] == 0


def schedulers(program):
    """Every scheduler with every schedule and prediction: the betas are the same, and every key is named or used."""
    golden = pathlib.Path(__file__).resolve().parents[1] / "golden/exchange/diffusers_google"
    wrong = seen = 0
    names = ["DDPM", "DDIM", "PNDM", "DPMSolverMultistep", "DPMSolverSinglestep", "DEISMultistep", "UniPCMultistep",
             "EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete", "LCM", "TCD", "FlowMatchEulerDiscrete",
             "FlowMatchHeunDiscrete", "EDMEuler", "EDMDPMSolverMultistep"]
    for name in names:
        kind = getattr(diffusers, name + "Scheduler")
        for change in [{}, {"beta_schedule": "scaled_linear"}, {"beta_schedule": "squaredcos_cap_v2"}, {"beta_schedule": "sigmoid"},
                       {"beta_schedule": "laplace"}, {"prediction_type": "v_prediction"}, {"prediction_type": "sample"},
                       {"rescale_betas_zero_snr": True}, {"trained_betas": [0.01, 0.02, 0.05]}, {"num_train_timesteps": 200},
                       {"beta_start": 0.001, "beta_end": 0.01}, {"clip_sample": True, "clip_sample_range": 2.0},
                       {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}, {"use_flow_sigmas": True},
                       {"timestep_type": "continuous", "prediction_type": "v_prediction", "sigma_min": 0.01, "sigma_max": 80.0},
                       {"variance_type": "learned_range"}, {"variance_type": "fixed_large"}, {"shift": 3.0}, {"use_karras_sigmas": True}]:
            try:
                scheduler = kind(**change)
                if not all(key in scheduler.config for key in change):
                    continue
            except Exception:
                continue
            seen += 1
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                for file in ["config.json", "diffusion_pytorch_model.safetensors"]:
                    (folder / file).write_bytes((golden / file).read_bytes())
                scheduler.save_config(folder)
                said = subprocess.run([program, "import", folder, "--output", folder / "out"], capture_output=True, text=True)
                text = said.stdout + said.stderr
                keys = [key for key, value in scheduler.config.items() if not key.startswith("_")]
                if said.returncode != 0:
                    print(name, change, "REFUSED:", text.strip().split("\n")[0].split("scheduler_config.json' ")[-1])
                    wrong += not any(f"'{key}'" in text for key in keys)
                    continue
                pipeline = (next(folder.rglob("pipeline.yaml"))).read_text()
                used = {"num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
                        "rescale_betas_zero_snr", "variance_type", "use_flow_sigmas", "sigma_data", "sigma_min", "sigma_max",
                        "timestep_type"}
                for key in set(keys) - used:
                    if key + ":" not in text:
                        print(name, change, "IGNORED", key)
                        wrong += 1
                if "process:" in pipeline or not hasattr(scheduler, "alphas_cumprod"):
                    continue
                table = subprocess.run([program, "schedule", str(next(folder.rglob("pipeline.yaml"))), "--csv"],
                                       capture_output=True, text=True).stdout
                rows = [line.split(",") for line in table.strip().split("\n")]
                column = rows[0].index("alpha")
                found = numpy.array([float(row[column]) ** 2 for row in rows[1:]])
                wanted = scheduler.alphas_cumprod.numpy().astype(float)
                if len(found) != len(wanted) or abs(found - wanted).max() > 1e-5:
                    print(name, change, "OTHER BETAS", abs(found - wanted).max() if len(found) == len(wanted) else len(found))
                    wrong += 1
    print(seen, "schedulers, wrong:", wrong)
    return wrong == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schedulers", action="store_true")
    asked = parser.parse_args()
    good = schedulers(asked.program) if asked.schedulers else sweep(asked.program, asked.count, asked.seed)
    sys.exit(0 if good else 1)
