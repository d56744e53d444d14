#!/usr/bin/python3
"""The network of pipelines/train.yaml trained here and in plain PyTorch, from the same weights on the same batches, times and noise.

  tests/peers/fidelity.py [--seeds 10] [--steps 800] [--images 1000] [--winograd both] [--first SEED] [--kept FILE] [--program FILE]

For each seed: a training here with Winograd's convolutions and one without, which also keep every noisy batch, its times and
targets; a training in PyTorch on what was kept, with the learning rates that were logged; then each draws from the same noise,
by the same program, and is measured by the network that knows drawn digits. Told are the mean loss of the last 200 steps and the
Fréchet distance, each as mean and standard error over the seeds, and the pairs' differences: what is chance differs from zero
by no more than two of its errors. With --kept what a seed gave is written to a file at once, and not done again.

  tests/peers/fidelity.py --gradients 60

In the last steps of so many: the gradient here and PyTorch's in float32, beside PyTorch's in float64 at the same weights on the same
batch: how far off they are, and whether they are too long or too short, which would not be chance. So are the loss, and the update
of the weights beside Adam's rule in float64.

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
sys.path.insert(0, str(ROOT / "tests/golden"))
import pytorch_unet as golden  # noqa: E402

BATCH, LAST = 32, 200  # images of a step; steps whose loss is told
COMPARED, RATE, BETA2 = 8, 4e-3, 0.999  # steps whose gradients are compared, and Adam in them


class Program:
    file = ROOT / "build/tools/run-pipeline"


def run(*arguments):
    done = subprocess.run([str(a) for a in (Program.file, *arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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
    return json.loads(told[told.index("{"):])["scores"]["frechet"]["distance"]


def mean_and_error(values):
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{mean:.6g}"
    return f"{mean:.6g} ± {math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values)):.2g}"


def trained_here(folder, seed, steps, way):
    return train_here(folder / f"runs_{way}", seed, steps, way == "winograd")


def measured(folder, seed, asked, ways):
    """What each of the ways and PyTorch come to for one seed: first loss, mean of the last losses, distance."""
    found = {}
    runs = {way: trained_here(folder, seed, asked.steps, way) for way in ways}
    for way, directory in runs.items():
        own = losses_here(directory)
        found[way] = {"losses": own, "distance": distance(directory, folder / f"drawn_{way}", asked.images)}
    directory = runs[ways[0]]
    first = train_here(folder / "first", seed, 1, ways[0] == "winograd", ["nodes.adam.learning_rate=1e-30"])
    net = network(read_weights(checkpoint(first) / "weights.safetensors"))
    losses = train_there(net, directory, asked.steps)
    copy = with_weights(directory, net, folder / "copy")
    found["pytorch"] = {"losses": losses, "distance": distance(copy, folder / "drawn_pytorch", asked.images)}
    return found


def saved(directory, step, names, what):
    """The weights after a step, or of Adam the first moment (with beta1 = 0 the gradient, clipped to length 1) or the second."""
    file = directory / f"checkpoints/step-{step:06}/{'adam.update' if what else 'weights'}.safetensors"
    values = read_weights(file)
    return torch.cat([torch.tensor(values[f"model/{golden.path(name)}{what}"]).flatten() for name in names]).double()


def update_off(directory, step, names):
    """How far the step's update is from Adam's rule in float64, as a part of it."""
    gradient = saved(directory, step, names, ".m")
    v = BETA2 * saved(directory, step - 1, names, ".v") + (1 - BETA2) * gradient ** 2
    rule = -RATE * gradient / ((v / (1 - BETA2 ** step)).sqrt() + 1e-8)
    made = saved(directory, step, names, "") - saved(directory, step - 1, names, "")
    return ((made - rule).norm() / rule.norm()).item(), ((made - rule) @ rule / rule.norm() ** 2).item()


def gradient_there(weights, xt, t, target, dtype):
    net = network(weights).to(dtype)
    loss = F.mse_loss(net(xt.to(dtype), t.to(dtype)), target.to(dtype))
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    return torch.cat([value.grad.flatten() for value in net.parameters()]).double(), loss.item()


def compare_gradients(steps, winograd):
    with tempfile.TemporaryDirectory() as name:
        directory = train_here(pathlib.Path(name) / "runs", 1, steps, winograd,
                               [f"nodes.adam.betas=[0.0, {BETA2}]", "nodes.save.every=1", f"nodes.save.keep={COMPARED + 2}", f"nodes.adam.learning_rate={RATE}",
                                "nodes.adam.decay_steps=0", "nodes.adam.warmup_steps=0"])
        kept = [torch.tensor(numpy.load(directory / f"{part}.npy")) for part in ("xt", "t", "target")]
        losses = losses_here(directory)
        found = {"here": ([], [], []), "PyTorch, float32": ([], [], [])}
        updates = []
        for step in range(steps - COMPARED, steps):  # from the weights of a step to the gradient of the next
            weights = read_weights(directory / f"checkpoints/step-{step:06}/weights.safetensors")
            names = [name for name, _ in network(weights).named_parameters()]
            batch = [part[step * BATCH:(step + 1) * BATCH] for part in kept]
            truth, loss = gradient_there(weights, *batch, torch.float64)
            there, loss_there = gradient_there(weights, *batch, torch.float32)
            updates.append(update_off(directory, step + 1, names))
            for who, gradient, own in (("here", saved(directory, step + 1, names, ".m"), losses[step]), ("PyTorch, float32", there, loss_there)):
                off = gradient - truth
                found[who][0].append((off.norm() / truth.norm()).item())
                found[who][1].append((off @ truth / truth.norm() ** 2).item())
                found[who][2].append((own - loss) / loss)
    for who, (off, longer, loss) in found.items():
        print(f"winograd {'on' if winograd else 'off'}, {who}: gradients off by {mean_and_error(off)} of their length, longer by "
              f"{mean_and_error(longer)}; loss larger by {mean_and_error(loss)} of itself", flush=True)
    print(f"winograd {'on' if winograd else 'off'}, updates here: off by {mean_and_error([u[0] for u in updates])} of their length, longer by "
          f"{mean_and_error([u[1] for u in updates])}", flush=True)


def kept_seeds(path):
    lines = path.read_text().splitlines() if path and path.exists() else []
    return {line["seed"]: line["found"] for line in map(json.loads, lines)}


def last_loss(of_way):
    part = of_way["losses"][-LAST:]
    return sum(part) / len(part)


def tell(ways, done):
    for way in ways:
        for what, number in (("loss", last_loss), ("distance", lambda found: found["distance"])):
            here, there = ([number(found[name]) for found in done.values()] for name in (way, "pytorch"))
            print(f"{len(done)} seeds, {way}: {what} {mean_and_error(here)} here, {mean_and_error(there)} in PyTorch "
                  f"{torch.__version__}, difference {mean_and_error([a - b for a, b in zip(here, there)])}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="of the seeds")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--winograd", choices=["on", "off", "both"], default="both")
    parser.add_argument("--gradients", type=int, metavar="STEPS")
    parser.add_argument("--kept", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=Program.file)
    asked = parser.parse_args()
    Program.file = asked.program.resolve()
    ways = {"on": ["winograd"], "off": ["direct"], "both": ["winograd", "direct"]}[asked.winograd]
    if asked.gradients:
        for way in ways:
            compare_gradients(asked.gradients, way == "winograd")
        return
    kept, done = kept_seeds(asked.kept), {}
    for seed in range(asked.first, asked.first + asked.seeds):
        if seed not in kept:
            with tempfile.TemporaryDirectory() as name:
                kept[seed] = measured(pathlib.Path(name), seed, asked, ways)
            if asked.kept:
                with asked.kept.open("a") as file:
                    file.write(json.dumps({"seed": seed, "found": kept[seed]}) + "\n")
        done[seed] = kept[seed]
        told = [f"{way}: first loss {found['losses'][0]:.7g}, last {LAST} {last_loss(found):.5f}, distance {found['distance']:.2f}"
                for way, found in done[seed].items()]
        print(f"seed {seed}; " + "; ".join(told), flush=True)
    tell(ways, done)


if __name__ == "__main__":
    main()
