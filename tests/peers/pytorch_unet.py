"""The networks a, b and c of pipelines/bench in plain PyTorch: how fast is it, beside ours?

  python3 tests/peers/pytorch_unet.py a                       trains: forward, MSE, backward, clip, Adam, average
  python3 tests/peers/pytorch_unet.py a --sample              draws 16 images with DDIM, 50 steps
  python3 tests/peers/pytorch_unet.py a --tune                tries layouts, micro-batches and torch.compile, names the fastest
  python3 tests/peers/pytorch_unet.py a --model diffusers     the same network as diffusers' UNet2DModel
  python3 tests/peers/pytorch_unet.py a --shapes              every parameter and its shape

Debian: apt-get install python3-torch libopenblas0-openmp (without OpenBLAS, matrix products are slow).

Ho et al. 2020, arXiv:2006.11239. What makes it as fast as it gets: one convolution for q, k and v; activations may lie
as channels_last; a batch may be cut into micro-batches that fit the caches; torch's foreach functions for Adam and the
average; memory that was freed is kept by malloc; images wait in memory. Rates are of whole steps of 128 images:
the mean time of a micro-batch times their number, plus the mean time of an update.
"""
import argparse
import json
import math
import os
import sys
import time

if "MALLOC_MMAP_THRESHOLD_" not in os.environ:  # else the kernel zeroes every large tensor anew; read at the start only
    os.environ.update(MALLOC_MMAP_THRESHOLD_=str(1 << 32), MALLOC_TRIM_THRESHOLD_=str(1 << 36), MALLOC_TOP_PAD_=str(64 << 20))
    os.execv(sys.executable, [sys.executable, *sys.argv])

import torch
from torch import nn
from torch.nn import functional as F

NETWORKS = {"a": dict(colours=3, width=128, multipliers=(1, 2, 2, 2)),
            "b": dict(colours=3, width=64, multipliers=(1, 2, 2)),
            "c": dict(colours=1, width=32, multipliers=(1, 2, 2))}
SIZE, BLOCKS, ATTENTION_AT, GROUPS, TIMESTEPS = 32, 2, 16, 32, 1000
BATCH, DRAWN, DDIM_STEPS = 128, 16, 50


class Norm(nn.GroupNorm):
    """In float32, as autocast does it on a GPU; on CPUs it leaves the two types to a kernel that wants one."""

    def forward(self, x):
        return super().forward(x.float())


def norm(channels):
    return Norm(GROUPS, channels, eps=1e-6)


def conv(channels_in, channels, kernel=3):
    return nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2)


class Residual(nn.Module):
    def __init__(self, channels_in, channels, embedding):
        super().__init__()
        self.norm1, self.conv1 = norm(channels_in), conv(channels_in, channels)
        self.time = nn.Linear(embedding, channels)
        self.norm2, self.conv2 = norm(channels), conv(channels, channels)
        self.shortcut = conv(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x, temb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h + self.time(temb)[:, :, None, None])))
        return h + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.qkv, self.proj = norm(channels), conv(channels, 3 * channels, 1), conv(channels, channels, 1)

    def forward(self, x):
        n, c, height, width = x.shape
        q, k, v = self.qkv(self.norm(x)).flatten(2).transpose(1, 2).chunk(3, dim=2)  # [N,HW,C] each
        weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * c ** -0.5, dim=-1)
        return x + self.proj(torch.bmm(weights, v).transpose(1, 2).reshape(n, c, height, width))


class UNet(nn.Module):
    def __init__(self, colours, width, multipliers):
        super().__init__()
        embedding, size = 4 * width, SIZE
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.conv_in = conv(colours, width)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips, channels = [width], width
        for i, multiplier in enumerate(multipliers):
            for _ in range(BLOCKS):
                block = [Residual(channels, width * multiplier, embedding)]
                channels = width * multiplier
                block += [Attention(channels)] if size == ATTENTION_AT else []
                self.down.append(nn.ModuleList(block))
                skips.append(channels)
            if i + 1 < len(multipliers):
                self.down.append(nn.ModuleList([nn.Conv2d(channels, channels, 3, stride=2)]))
                skips.append(channels)
                size //= 2
        self.mid = nn.ModuleList([Residual(channels, channels, embedding), Attention(channels),
                                  Residual(channels, channels, embedding)])
        for i, multiplier in reversed(list(enumerate(multipliers))):
            for j in range(BLOCKS + 1):
                block = [Residual(channels + skips.pop(), width * multiplier, embedding)]
                channels = width * multiplier
                block += [Attention(channels)] if size == ATTENTION_AT else []
                block += [conv(channels, channels)] if j == BLOCKS and i > 0 else []
                self.up.append(nn.ModuleList(block))
            size *= 2
        self.norm_out, self.conv_out = norm(channels), conv(channels, colours)

    def forward(self, x, t):
        half = self.width // 2
        angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / (half - 1))
        temb = F.silu(self.time(torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)))

        def through(layers, h):
            for layer in layers:
                if isinstance(layer, Residual):
                    h = layer(h, temb)
                elif isinstance(layer, Attention):
                    h = layer(h)
                elif layer.stride == (2, 2):
                    h = layer(F.pad(h, (0, 1, 0, 1)))
                else:
                    h = layer(F.interpolate(h, scale_factor=2, mode="nearest"))
            return h

        skips = [self.conv_in(x)]
        for layers in self.down:
            skips.append(through(layers, skips[-1]))
        h = through(self.mid, skips[-1])
        for layers in self.up:
            h = through(layers, torch.cat([h, skips.pop()], dim=1))
        return self.conv_out(F.silu(self.norm_out(h)))


def diffusers_unet(colours, width, multipliers):
    from diffusers import UNet2DModel  # pip install diffusers

    attends = [SIZE >> i == ATTENTION_AT for i in range(len(multipliers))]
    return UNet2DModel(sample_size=SIZE, in_channels=colours, out_channels=colours, layers_per_block=BLOCKS,
                       block_out_channels=tuple(width * m for m in multipliers), norm_num_groups=GROUPS, norm_eps=1e-6,
                       down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends),
                       up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)),
                       downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, attention_head_dim=None)


class Work:
    """A network with what it learns from, in one memory format and precision."""

    def __init__(self, arguments, layout, compiled):
        torch.manual_seed(1)
        network = arguments.network
        self.layout = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        self.autocast = arguments.precision == "bfloat16"
        make = diffusers_unet if arguments.model == "diffusers" else UNet
        self.net = make(**NETWORKS[network]).to(memory_format=self.layout)
        self.forward = torch.compile(self.net) if compiled else self.net
        self.weights = list(self.net.parameters())
        self.shape = (NETWORKS[network]["colours"], SIZE, SIZE)
        self.alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, TIMESTEPS), dim=0)

    def predict(self, x, t):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.autocast):
            y = self.forward(x.contiguous(memory_format=self.layout), t.float())
            return (y if torch.is_tensor(y) else y.sample).float()


class Training(Work):
    def __init__(self, arguments, layout, compiled):
        super().__init__(arguments, layout, compiled)
        self.adam = torch.optim.Adam(self.weights, lr=2e-4, foreach=True)
        self.average = [w.detach().clone() for w in self.weights]
        self.images = torch.randint(0, 256, (1024, *self.shape), dtype=torch.uint8)

    def piece(self, count):
        """Forward and backward of one micro-batch; gradients add up."""
        x0 = self.images[torch.randint(0, len(self.images), (count,))].float() / 127.5 - 1
        x0 = torch.where(torch.rand(count, 1, 1, 1) < 0.5, x0.flip(3), x0)
        t, noise = torch.randint(0, TIMESTEPS, (count,)), torch.randn(count, *self.shape)
        alpha_bar = self.alpha_bar[t][:, None, None, None]
        predicted = self.predict(alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise, t)
        (F.mse_loss(predicted, noise) * (count / BATCH)).backward()

    def update(self):
        nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_mul_(self.average, 0.9999)
            torch._foreach_add_(self.average, self.weights, alpha=1 - 0.9999)
        self.adam.zero_grad(set_to_none=False)

    def rate(self, count, seconds):
        self.piece(count)
        self.update()
        piece = mean_time(lambda: self.piece(count), seconds)
        update = mean_time(self.update, min(seconds, 0.5))
        return BATCH / (BATCH / count * piece + update)


class Sampling(Work):
    def rate(self, count, seconds):
        """DDIM with eta 0; images are drawn `count` at a time."""
        times = list(range(TIMESTEPS - TIMESTEPS // DDIM_STEPS, -1, -TIMESTEPS // DDIM_STEPS))
        self.net.eval().requires_grad_(False)
        state = {"x": torch.randn(count, *self.shape), "step": 0}

        def step():
            t = times[state["step"] % DDIM_STEPS]
            now, then = self.alpha_bar[t], self.alpha_bar[t - times[-2]] if t > 0 else torch.tensor(1.0)
            noise = self.predict(state["x"], torch.full((count,), t))
            x0 = ((state["x"] - (1 - now).sqrt() * noise) / now.sqrt()).clamp(-1, 1)
            noise = (state["x"] - now.sqrt() * x0) / (1 - now).sqrt()
            state["x"], state["step"] = then.sqrt() * x0 + (1 - then).sqrt() * noise, state["step"] + 1

        with torch.no_grad():
            step()
            return count / (DDIM_STEPS * mean_time(step, seconds))


def mean_time(work, seconds):
    begin, times = time.perf_counter(), 0
    while times == 0 or time.perf_counter() - begin < seconds:
        work()
        times += 1
    return (time.perf_counter() - begin) / times


def uses_openblas():
    torch.bmm(torch.ones(1, 2, 2), torch.ones(1, 2, 2))
    with open("/proc/self/maps") as maps:
        return any("openblas" in line or "mkl_core" in line for line in maps)


def tune(arguments, kind):
    """The fastest layout and micro-batch, and whether torch.compile makes it faster still."""
    counts = (1, 2, 4, 8, 16) if arguments.sample else (2, 4, 8, 16, 32, 128)
    best = (0, None, None, False)

    def tried(work, layout, count, compiled):
        nonlocal best
        rate = work.rate(count, arguments.seconds)
        print(f"{layout:14} micro-batch {count:3}{', compiled' if compiled else ''}: {rate:.3f} images/s", file=sys.stderr)
        best = max(best, (rate, layout, count, compiled))
        return rate

    for layout in ("channels_last", "contiguous"):
        work = kind(arguments, layout, compiled=False)
        fastest, slower = 0, 0  # of this layout
        for count in counts:
            rate = tried(work, layout, count, compiled=False)
            slower = 0 if rate > fastest else slower + 1
            fastest = max(fastest, rate)
            if slower == 2:  # larger ones only leave the caches further behind
                break
    if hasattr(torch, "compile") and not arguments.eager:  # since 2.0
        _, _, count, _ = best
        for layout in ("channels_last", "contiguous"):
            try:
                tried(kind(arguments, layout, compiled=True), layout, count, compiled=True)
            except Exception as problem:  # it needs a compiler, and does not know every layer
                print(f"torch.compile does not work here: {str(problem).splitlines()[0]}", file=sys.stderr)
    return best[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--sample", action="store_true", help="draw instead of training")
    parser.add_argument("--tune", action="store_true", help="find the fastest layout and micro-batch")
    parser.add_argument("--shapes", action="store_true", help="list the parameters")
    parser.add_argument("--seconds", type=float, default=10, help="how long to measure (each, with --tune)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--layout", choices=("channels_last", "contiguous"), default="channels_last")
    parser.add_argument("--micro-batch", type=int, default=16)
    parser.add_argument("--compile", action="store_true", help="by torch.compile")
    parser.add_argument("--eager", action="store_true", help="with --tune: do not try torch.compile")
    parser.add_argument("--model", choices=("plain", "diffusers"), default="plain", help="written here, or diffusers' UNet2DModel")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    kind = Sampling if arguments.sample else Training
    if arguments.shapes:
        net = UNet(**NETWORKS[arguments.network])
        for name, value in net.named_parameters():
            print(f"{name} {list(value.shape)}")
        x = torch.zeros(1, NETWORKS[arguments.network]["colours"], SIZE, SIZE)
        print(f"{list(x.shape)} -> {list(net(x, torch.zeros(1)).shape)}, "
              f"{sum(value.numel() for value in net.parameters())} parameters")
        return
    settings = tune(arguments, kind) if arguments.tune else (arguments.layout, arguments.micro_batch, arguments.compile)
    layout, count, compiled = settings
    work = kind(arguments, layout, compiled)
    begin, busy = time.perf_counter(), time.process_time()
    rate = work.rate(count, arguments.seconds)
    cores = 100 * (time.process_time() - busy) / (time.perf_counter() - begin) / arguments.threads
    print(json.dumps({"network": arguments.network, "training": not arguments.sample, "torch": torch.__version__,
                      "precision": arguments.precision, "threads": arguments.threads, "openblas": uses_openblas(),
                      "parameters": sum(value.numel() for value in work.weights), "layout": layout,
                      "micro_batch": count, "compiled": compiled, "images_per_second": rate, "percent_of_cores": cores}))


if __name__ == "__main__":
    main()
