"""Writes pytorch_unet.safetensors: what PyTorch computes for a tiny U-Net of Ho et al. 2020, arXiv:2006.11239.

Its 4, 8 and 12 channels fill blocks of 8 or 16 in every way: in part, wholly, and one and a half.

Run with: python3 tests/golden/pytorch_unet.py (PyTorch 1.13; everything in float64, stored as float32).

Weights carry the paths of nodes/network/unet.cpp: "down0/block0/conv1.weight". The file holds
  weight/…    before training          gradient/…  of the loss of the first batch
  trained/…   after STEPS steps of Adam, with gradients clipped to a global norm of CLIP_NORM
  x, t, target: [batches,N,…], used in turn    output, loss: of the first batch    losses: of every step
"""
import json
import math
import pathlib
import struct

import torch
from torch import nn
from torch.nn import functional as F

SIZE, CHANNELS, MULTIPLIERS, BLOCKS, ATTENTION_AT, GROUPS, HEADS = 16, 4, [2, 3], 1, [8], 4, 2
BATCHES, BATCH_SIZE, STEPS, LEARNING_RATE, CLIP_NORM = 2, 2, 20, 1e-3, 1.0


def norm(channels):
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)


def conv(channels_in, channels, kernel=3):
    return nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2)


class Residual(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        self.norm1, self.conv1 = norm(channels_in), conv(channels_in, channels)
        self.time = nn.Linear(4 * CHANNELS, channels)
        self.norm2, self.conv2 = norm(channels), conv(channels, channels)
        if channels_in != channels:
            self.shortcut = conv(channels_in, channels, kernel=1)

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h + self.time(temb)[:, :, None, None])))
        return h + (self.shortcut(x) if hasattr(self, "shortcut") else x)


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj = (conv(channels, channels, kernel=1) for _ in range(4))

    def forward(self, x):
        n, c, height, width = x.shape
        h = self.norm(x)
        q, k, v = (layer(h).reshape(n, HEADS, c // HEADS, -1) for layer in (self.q, self.k, self.v))
        weights = torch.softmax(torch.einsum("nhci,nhcj->nhij", q, k) * (c // HEADS) ** -0.5, dim=-1)
        return x + self.proj(torch.einsum("nhij,nhcj->nhci", weights, v).reshape(n, c, height, width))


class Time(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = nn.Linear(CHANNELS, 4 * CHANNELS)
        self.linear2 = nn.Linear(4 * CHANNELS, 4 * CHANNELS)

    def forward(self, t):
        half = CHANNELS // 2
        angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(half, dtype=t.dtype) / (half - 1))
        embedding = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
        return self.linear2(F.silu(self.linear1(embedding)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = Time()
        self.conv_in = conv(3, CHANNELS)
        skips, channels, size = [CHANNELS], CHANNELS, SIZE
        for i, multiplier in enumerate(MULTIPLIERS):
            level = nn.Module()
            for j in range(BLOCKS):
                level.add_module(f"block{j}", Residual(channels, CHANNELS * multiplier))
                channels = CHANNELS * multiplier
                if size in ATTENTION_AT:
                    level.add_module(f"attention{j}", Attention(channels))
                skips.append(channels)
            if i + 1 < len(MULTIPLIERS):
                level.downsample = nn.Module()
                level.downsample.conv = nn.Conv2d(channels, channels, 3, stride=2)
                skips.append(channels)
                size //= 2
            self.add_module(f"down{i}", level)
        self.mid = nn.Module()
        self.mid.block0, self.mid.block1 = Residual(channels, channels), Residual(channels, channels)
        self.mid.attention = Attention(channels)
        for i, multiplier in reversed(list(enumerate(MULTIPLIERS))):
            level = nn.Module()
            for j in range(BLOCKS + 1):
                level.add_module(f"block{j}", Residual(channels + skips.pop(), CHANNELS * multiplier))
                channels = CHANNELS * multiplier
                if size in ATTENTION_AT:
                    level.add_module(f"attention{j}", Attention(channels))
            if i > 0:
                level.upsample = nn.Module()
                level.upsample.conv = conv(channels, channels)
                size *= 2
            self.add_module(f"up{i}", level)
        self.norm_out, self.conv_out = norm(channels), conv(channels, 3)

    def forward(self, x, t):
        temb = F.silu(self.time(t))

        def block(level, j, h):
            h = getattr(level, f"block{j}")(h, temb)
            return getattr(level, f"attention{j}")(h) if hasattr(level, f"attention{j}") else h

        skips = [self.conv_in(x)]
        for i in range(len(MULTIPLIERS)):
            level = getattr(self, f"down{i}")
            for j in range(BLOCKS):
                skips.append(block(level, j, skips[-1]))
            if hasattr(level, "downsample"):
                skips.append(level.downsample.conv(F.pad(skips[-1], (0, 1, 0, 1))))
        h = self.mid.block1(self.mid.attention(self.mid.block0(skips[-1], temb)), temb)
        for i in reversed(range(len(MULTIPLIERS))):
            level = getattr(self, f"up{i}")
            for j in range(BLOCKS + 1):
                h = block(level, j, torch.cat([h, skips.pop()], dim=1))
            if hasattr(level, "upsample"):
                h = level.upsample.conv(F.interpolate(h, scale_factor=2, mode="nearest"))
        return self.conv_out(F.silu(self.norm_out(h)))


def fill(net):
    """Values at which nothing is zero, one or symmetric, exact in float32."""
    for name, value in net.named_parameters():
        if value.dim() > 1:
            nn.init.xavier_uniform_(value)
        else:
            nn.init.normal_(value, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.2)
        value.data = value.data.float().double()


def path(name):
    """down0.block0.conv1.weight -> down0/block0/conv1.weight"""
    module, _, weight = name.rpartition(".")
    return module.replace(".", "/") + "." + weight


def write_safetensors(file, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in tensors.items():
        part = tensor.detach().float().contiguous().numpy().astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(part)]
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": offsets}
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    net = UNet()
    fill(net)
    x = torch.randn(BATCHES, BATCH_SIZE, 3, SIZE, SIZE).float().double()
    target = torch.randn(BATCHES, BATCH_SIZE, 3, SIZE, SIZE).float().double()
    t = torch.tensor([[3.0, 250.5], [999.0, 480.0]])
    tensors = {"x": x, "t": t, "target": target}
    tensors.update({"weight/" + path(name): value.clone() for name, value in net.named_parameters()})

    adam = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    losses = []
    for step in range(STEPS):
        batch = step % BATCHES
        output = net(x[batch], t[batch])
        loss = F.mse_loss(output, target[batch])
        adam.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            tensors["output"], tensors["loss"] = output, loss
            for name, value in net.named_parameters():
                tensors["gradient/" + path(name)] = value.grad.clone()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP_NORM)
        adam.step()
    tensors["losses"] = torch.tensor(losses)
    tensors.update({"trained/" + path(name): value for name, value in net.named_parameters()})
    file = pathlib.Path(__file__).with_suffix(".safetensors")
    write_safetensors(file, tensors)
    print(f"{sum(value.numel() for value in net.parameters())} parameters, {file.stat().st_size} bytes, "
          f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
