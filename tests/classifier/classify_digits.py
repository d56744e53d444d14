#!/usr/bin/python3
"""Judges drawn samples: how many look like one of the ten digits, and which.

Trains two small convolutional networks on digits packed by digits.yaml: one that knows the ten digits, and a strict one
that knows an eleventh class as well, things that are no digits (the halves of two digits, digits under noise, two at once).
Then both look at a folder of PNG files. Needs Debian's python3-torch and python3-h5py.

  tools/run-pipeline tests/classifier/digits.yaml vars.file=/tmp/digits.h5
  tools/run-pipeline pipelines/sample.yaml --add 'nodes.files={type: png_folder, in: bytes, path: images}'
  tests/classifier/classify_digits.py /tmp/digits.h5 runs/sample/001/images

Which digits were asked for, in turn, is a third argument: how many samples are the digit asked for.

  tools/run-pipeline pipelines/sample_classes.yaml vars.count=200 --add 'nodes.files={type: png_folder, in: bytes, path: images}'
  tests/classifier/classify_digits.py /tmp/digits.h5 runs/sample/001/images 0123456789
"""
import pathlib
import struct
import sys
import zlib

import h5py
import torch
from torch import nn


def read_png(path):
    """An 8-bit grey, non-interlaced PNG, as our png_folder writes it, as a [H,W] tensor of bytes."""
    data, at, header, packed = path.read_bytes(), 8, None, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        at += 12 + size
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            packed += body
    width, height, depth, colour = header[:4]
    if (depth, colour) != (8, 0):
        raise SystemExit(f"{path}: not an 8-bit grey PNG")
    raw, rows, above = zlib.decompress(packed), [], bytearray(width)
    for y in range(height):
        start = y * (width + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + width])
        for x in range(width):
            left, up, corner = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            row[x] = (row[x] + (0, left, up, (left + up) // 2, near)[kind]) & 255
        rows.append(list(row))
        above = row
    return torch.tensor(rows, dtype=torch.uint8)


def network(classes):
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 16, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, classes))


def no_digits(x, generator):
    """As many things that are no digits, made from the digits x: [N,1,32,32]."""
    other = x[torch.randperm(len(x), generator=generator)]
    halves = torch.cat([x[:, :, :16], other[:, :, 16:]], 2).clone()
    noisy = (0.4 * x + 0.6 * torch.randn(x.shape, generator=generator)).clamp(-1, 1)
    both = torch.maximum(x, other.flip(3))
    kind = torch.randint(0, 3, (len(x), 1, 1, 1), generator=generator)
    return torch.where(kind == 0, halves, torch.where(kind == 1, noisy, both))


def train(x, y, strict):
    torch.manual_seed(1)
    held = len(x) // 10
    model, generator = network(11 if strict else 10), torch.Generator().manual_seed(2)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(4):
        model.train()
        for batch in torch.randperm(len(x) - held, generator=generator).split(128):
            images, target = x[held + batch], y[held + batch]
            if strict:
                bad = no_digits(images, generator)[: len(images) // 2]
                images, target = torch.cat([images, bad]), torch.cat([target, torch.full((len(bad),), 10)])
            loss = nn.functional.cross_entropy(model(images), target)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[:held]).argmax(1) == y[:held]).float().mean().item()
        told = f"right on {right:.1%} of {held} digits it never saw"
        if strict:
            bad = (model(no_digits(x[:held], generator)).argmax(1) == 10).float().mean().item()
            told += f", and on {bad:.1%} of as many things that are none"
    print(f"{'strict' if strict else 'plain'} classifier: {told}")
    return model


def judge(model, x, files, asked):
    with torch.no_grad():
        sure, digit = model(x).softmax(1).max(1)
    if asked:
        wanted = torch.tensor([int(asked[i % len(asked)]) for i in range(len(files))])
        right = digit == wanted
        print(f"  the digit asked for: {int(right.sum())} of {len(files)} samples: {right.float().mean():.1%}")
        print("  others: " + " ".join(f"{f.stem}:{w}->{d}" for f, w, d in zip(files, wanted.tolist(), digit.tolist()) if w != d))
    good = (sure >= 0.9) & (digit < 10)
    print(f"  at least 0.9 sure of {int(good.sum())} of {len(files)} samples: {good.float().mean():.1%}")
    print("  digits: " + " ".join(f"{d}:{int((good & (digit == d)).sum())}" for d in range(10)))
    print("  not sure of: " + " ".join(f.stem for f, g in zip(files, good) if not g))


def main():
    if len(sys.argv) not in (3, 4):
        raise SystemExit(__doc__)
    files = sorted(pathlib.Path(sys.argv[2]).glob("*.png"))
    if not files:
        raise SystemExit(f"{sys.argv[2]}: no PNG files")
    with h5py.File(sys.argv[1]) as f:
        digits = torch.tensor(f["images"][:]).permute(0, 3, 1, 2).float() / 127.5 - 1
        labels = torch.tensor(f["labels"][:]).long()
    samples = torch.stack([read_png(f) for f in files])[:, None].float() / 127.5 - 1
    for strict in (False, True):
        judge(train(digits, labels, strict), samples, files, sys.argv[3] if len(sys.argv) == 4 else "")


if __name__ == "__main__":
    main()
