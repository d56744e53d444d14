"""Writes class_unet.safetensors: what PyTorch computes for the U-Net of pytorch_unet.py that knows four classes
(Nichol, Dhariwal 2021, arXiv:2102.09672: an embedding of the class is added to that of the time; the last row = no class).

Run with: python3 tests/golden/class_unet.py (PyTorch 1.13; everything in float64, stored as float32).

The file holds weight/…, gradient/… of the loss, x, t, label, target, output and loss, as pytorch_unet.safetensors does.
"""
import pathlib

import torch
from pytorch_unet import SIZE, CHANNELS, UNet, fill, path, write_safetensors
from torch import nn
from torch.nn import functional as F

CLASSES = 4


class TimeAndClass(nn.Module):
    def __init__(self, time):
        super().__init__()
        self.time, self.table, self.label = time, nn.Embedding(CLASSES + 1, 4 * CHANNELS), None

    def forward(self, t):
        return self.time(t) + self.table(self.label)


def name_here(name):
    return path(name.replace("time.time.", "time.").replace("time.table.", "class_embedding."))


def main():
    torch.manual_seed(2)
    torch.set_default_dtype(torch.float64)
    net = UNet()
    net.time = TimeAndClass(net.time)
    fill(net)
    x, target = (torch.randn(4, 3, SIZE, SIZE).float().double() for _ in range(2))
    t, label = torch.tensor([3.0, 250.5, 999.0, 480.0]), torch.tensor([2, CLASSES, 0, 2])
    net.time.label = label
    tensors = {"x": x, "t": t, "target": target, "label": torch.where(label == CLASSES, -1, label)}
    output = net(x, t)
    loss = F.mse_loss(output, target)
    loss.backward()
    tensors.update({"output": output, "loss": loss})
    for name, value in net.named_parameters():
        tensors["weight/" + name_here(name)], tensors["gradient/" + name_here(name)] = value, value.grad
    write_safetensors(pathlib.Path(__file__).with_suffix(".safetensors"), tensors)


if __name__ == "__main__":
    main()
