#!/usr/bin/python3
"""The network of pipelines/train.yaml trained here and in plain PyTorch, from the same weights on the same batches, times and noise.

  tests/peers/fidelity.py [--seeds 10] [--steps 800] [--images 1000] [--winograd both]

For each seed: a training here, which also keeps every noisy batch, its times and targets; a training in PyTorch on what was
kept, with the learning rates that were logged; then both draw from the same noise, by the same program, and are measured by
the network that knows drawn digits. Told are the mean loss of the last 200 steps and the Fréchet distance, each as mean and
standard error over the seeds, and the pairs' differences: what is chance differs from zero by no more than two of its errors.

Needs torch and numpy; the program must be built. 10 seeds of 800 steps take hours of CPU.
"""
import argparse
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
from torch import nn
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/tools/run-pipeline"
sys.path.insert(0, str(ROOT / "tests/golden"))
import pytorch_unet as golden  # noqa: E402

BATCH, LAST = 32, 200  # images of a step; steps whose loss is told


def run(*arguments):
    done = subprocess.run([str(a) for a in (PROGRAM, *arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def train_here(folder, seed, steps, winograd, more=()):
    overrides = [f"run.seed={seed}", f"run.steps={steps}", f"vars.output={folder}", f"nodes.adam.decay_steps={steps}", f"nodes.adam.warmup_steps={min(100, steps // 8)}",
                 f"nodes.save.every={steps}", "nodes.log.every=1", *more]
    added = [f"run.winograd={'true' if winograd else 'false'}"]
    added += [f"nodes.keep_{name}={{type: npy_writer, in: {name}, path: {name}.npy}}" for name in ("xt", "t", "target")]
    removed = ["nodes.preview", "nodes.validation", "nodes.flipped"]
    text = (ROOT / "pipelines/train.yaml").read_text()
    removed = [r for r in removed if f"\n  {r[6:]}:" in text]
    run(ROOT / "pipelines/train.yaml", *overrides, *[w for a in added for w in ("--add", a)], *[w for r in removed for w in ("--remove", r)])
    return sorted(folder.iterdir())[-1]


def checkpoint(directory):
    return sorted((directory / "checkpoints").iterdir())[-1]


def read_weights(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + o for o in entry["data_offsets"])
            tensors[name] = numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])
    return tensors


def network(weights):
    golden.SIZE, golden.CHANNELS, golden.MULTIPLIERS, golden.BLOCKS = 32, 16, [1, 2, 4], 1
    golden.ATTENTION_AT, golden.GROUPS, golden.HEADS = [8], 8, 1
    net = golden.UNet()
    net.conv_in, net.conv_out = golden.conv(1, golden.CHANNELS), golden.conv(golden.CHANNELS, 1)
    for name, value in net.named_parameters():
        value.data = torch.tensor(weights["model/" + golden.path(name)])
    return net


def train_there(net, directory, steps):
    xt, t, target = (torch.tensor(numpy.load(directory / f"{name}.npy")) for name in ("xt", "t", "target"))
    lines = (directory / "metrics.csv").read_text().splitlines()
    rate = [float(line.split(",")[lines[0].split(",").index("learning_rate")]) for line in lines[1:]]
    adam = torch.optim.Adam(net.parameters())
    losses = []
    for step in range(steps):
        part = slice(step * BATCH, (step + 1) * BATCH)
        adam.param_groups[0]["lr"] = rate[step]
        loss = F.mse_loss(net(xt[part], t[part]), target[part])
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        losses.append(loss.item())
    return losses


def losses_here(directory):
    lines = (directory / "metrics.csv").read_text().splitlines()
    at = lines[0].split(",").index("loss")
    return [float(line.split(",")[at]) for line in lines[1:]]


def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
            table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def with_weights(directory, net, copy):
    """The checkpoint of a run with PyTorch's weights in it, and a manifest that says so."""
    shutil.copytree(directory, copy)
    step = checkpoint(copy)
    path = step / "weights.safetensors"
    data = bytearray(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    for name, value in net.named_parameters():
        begin, end = (8 + size + o for o in header["model/" + golden.path(name)]["data_offsets"])
        data[begin:end] = value.detach().numpy().astype("<f4").tobytes()
    path.write_bytes(data)
    lines = (step / "MANIFEST").read_text().splitlines()
    lines = [f"{crc32c(data):08x} {len(data)} weights.safetensors" if line.endswith(" weights.safetensors") else line
             for line in lines[:-1]]
    text = "\n".join(lines) + "\n"
    (step / "MANIFEST").write_text(f"{text}manifest {crc32c(text.encode()):08x}\n")
    return copy


def distance(directory, folder, images):
    told = run("evaluate", directory, "--images", images, "--json", "model.weights=live", "vars.steps=25", f"run.output={folder}")
    return json.loads(told)["scores"]["frechet"]["distance"]


def mean_and_error(values):
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{mean:.6g}"
    return f"{mean:.6g} ± {math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values)):.2g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--winograd", choices=["on", "off", "both"], default="both")
    asked = parser.parse_args()
    for winograd in {"on": [True], "off": [False], "both": [True, False]}[asked.winograd]:
        loss_here, loss_there, here, there = [], [], [], []
        for seed in range(1, asked.seeds + 1):
            with tempfile.TemporaryDirectory() as name:
                folder = pathlib.Path(name)
                trained = train_here(folder / "runs", seed, asked.steps, winograd)
                first = train_here(folder / "first", seed, 1, winograd, ["nodes.adam.learning_rate=1e-30"])
                net = network(read_weights(checkpoint(first) / "weights.safetensors"))
                losses = train_there(net, trained, asked.steps)
                own = losses_here(trained)
                loss_here.append(sum(own[-LAST:]) / len(own[-LAST:]))
                loss_there.append(sum(losses[-LAST:]) / len(losses[-LAST:]))
                here.append(distance(trained, folder / "here", asked.images))
                there.append(distance(with_weights(trained, net, folder / "copy"), folder / "there", asked.images))
            print(f"seed {seed}, winograd {'on' if winograd else 'off'}: first loss {own[0]:.7g} and {losses[0]:.7g}, "
                  f"last {LAST}: {loss_here[-1]:.5f} and {loss_there[-1]:.5f}, distance {here[-1]:.2f} and {there[-1]:.2f}", flush=True)
        for what, a, b in (("loss", loss_here, loss_there), ("distance", here, there)):
            print(f"winograd {'on' if winograd else 'off'}: {what} {mean_and_error(a)} here, {mean_and_error(b)} in PyTorch, "
                  f"difference {mean_and_error([x - y for x, y in zip(a, b)])}", flush=True)


if __name__ == "__main__":
    main()
