#!/usr/bin/python3
"""Trains the small network whose features compare drawn digits where no other network is at hand, and writes
nodes/measures/digits.safetensors, which is built into the program. Needs Debian's python3-torch.

  tools/run-pipeline tests/classifier/digit_arrays.yaml run.output=/tmp/digits
  tests/classifier/train_digit_features.py /tmp/digits/001 nodes/measures/digits.safetensors

Weights are rounded to float16, which half of the file's size is worth; how many digits it knows is told before and after.
"""
import json
import struct
import sys

import numpy
import torch
from torch import nn


class Network(nn.Module):
    """pipelines/blocks/digit_features.yaml"""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv4 = nn.Conv2d(64, 64, 3, padding=1)
        self.classes = nn.Linear(64, 10)

    def features(self, x):
        for conv in (self.conv1, self.conv2, self.conv3):
            x = nn.functional.max_pool2d(conv(x).relu(), 2)
        return self.conv4(x).relu().mean((2, 3))

    def forward(self, x):
        return self.classes(self.features(x))


def right(network, x, y):
    with torch.no_grad():
        return (network(x).argmax(1) == y).float().mean().item()


def train(network, x, y, held):
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    epochs, batch = 5, 128
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=epochs * ((len(x) - held + batch - 1) // batch))
    for _ in range(epochs):
        for chosen in torch.randperm(len(x) - held).split(batch):
            images = x[held + chosen]
            images = (images + 0.1 * torch.randn_like(images)).roll(tuple(torch.randint(-2, 3, (2,)).tolist()), (2, 3))
            loss = nn.functional.cross_entropy(network(images), y[held + chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"right on {right(network, x[:held], y[:held]):.2%} of {held} digits it never saw", flush=True)


def write(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.numpy().astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def main():
    folder, path = sys.argv[1:]
    torch.manual_seed(1)
    torch.set_num_threads(1)  # so that the same digits give the same file
    x = (torch.tensor(numpy.load(f"{folder}/images.npy")).float() - 128) / 128
    y = torch.tensor(numpy.load(f"{folder}/labels.npy")).long()
    network, held = Network(), len(x) // 10
    train(network, x, y, held)
    state = {name: tensor.half().float() for name, tensor in network.state_dict().items()}
    network.load_state_dict(state)
    print(f"rounded: right on {right(network, x[:held], y[:held]):.2%}")
    write(path, state)


if __name__ == "__main__":
    main()
