#!/usr/bin/python3
"""Writes class_embedding.safetensors: what PyTorch computes for an embedding of classes added to that of the timestep.

Run with: python3 tests/golden/class_embedding.py (PyTorch 1.13; everything in float64, stored as float32).
"""
import pathlib

import torch
from pytorch_unet import write_safetensors
from torch import nn


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    classes, dim = 4, 12
    table = nn.Embedding(classes + 1, dim)
    table.weight.data = table.weight.data.float().double()
    label = torch.tensor([2, 0, 2, classes, 3, 2])  # the last row stands for no class
    x = torch.randn(len(label), dim).float().double().requires_grad_()
    y = x + table(label)
    dy = torch.randn(y.shape).float().double()
    (y * dy).sum().backward()
    write_safetensors(pathlib.Path(__file__).with_suffix(".safetensors"),
                      {"weight": table.weight, "label": label, "x": x, "y": y, "dy": dy, "dx": x.grad,
                       "dweight": table.weight.grad})


if __name__ == "__main__":
    main()
