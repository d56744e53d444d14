#!/usr/bin/python3
"""Writes layers.safetensors: what PyTorch computes, forward and backward, in the layers of networks of features.

For each case: x, the weights, y, the gradient dy that is sent back, and the gradients of x and of the weights. Needs torch.
"""
import json
import pathlib
import struct

import torch
from torch import nn


CASES = {
    "conv_1x7": (nn.Conv2d(11, 9, (1, 7), padding=(0, 3)), (2, 11, 5, 8)),
    "conv_7x1": (nn.Conv2d(11, 9, (7, 1), padding=(3, 0)), (2, 11, 8, 5)),
    "conv_5x5": (nn.Conv2d(11, 9, 5, padding=2), (2, 11, 6, 6)),
    "conv_1x3": (nn.Conv2d(11, 9, (1, 3), padding=(0, 1)), (2, 11, 5, 6)),
    "conv_3x1": (nn.Conv2d(11, 9, (3, 1), padding=(1, 0)), (2, 11, 5, 6)),
    "conv_none": (nn.Conv2d(3, 9, 3, stride=2), (2, 3, 9, 7)),
    "depthwise": (nn.Conv2d(11, 11, 3, padding=1, stride=2, groups=11), (2, 11, 7, 6)),
    "batch_norm": (nn.BatchNorm2d(11, track_running_stats=False), (3, 11, 4, 5)),
    "max_pool": (nn.MaxPool2d(3, 2, 1), (2, 11, 7, 6)),
    "mean_pool": (nn.AvgPool2d(3, 1, 1), (2, 11, 5, 6)),
    "mean_pool_inside": (nn.AvgPool2d(3, 1, 1, count_include_pad=False), (2, 11, 5, 6)),
    "relu": (nn.ReLU(), (2, 11, 5, 6)),
    "relu6": (nn.Hardtanh(0, 1), (2, 11, 5, 6)),  # cut off at 1, which numbers of deviation 1 reach
}


def write(path, arrays):
    header, data = {}, b""
    for name, tensor in arrays.items():
        values = tensor.detach().contiguous().numpy()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def with_running_averages():
    """Two updates in training, of momentum 0.2, and what the layer gives afterwards when it is not trained."""
    layer = nn.BatchNorm2d(11, momentum=0.2)
    for values in (layer.weight, layer.bias, layer.running_mean):
        nn.init.normal_(values)
    nn.init.uniform_(layer.running_var, 0.5, 2)
    name = "batch_norm_running"
    arrays = {f"{name}/{w}": v.detach().clone() for w, v in layer.state_dict().items() if v.dim() > 0}
    for step in range(2):
        x = torch.randn(3, 11, 4, 5)
        y = layer(x)
        arrays |= {f"{name}/x{step}": x, f"{name}/y{step}": y, f"{name}/mean{step}": layer.running_mean.clone(),
                   f"{name}/var{step}": layer.running_var.clone()}
    arrays |= {f"{name}/kept": layer.eval()(x)}
    return arrays


def main():
    torch.manual_seed(1)
    arrays = {}
    for name, (layer, shape) in CASES.items():
        x = torch.randn(shape, requires_grad=True)
        for parameter in layer.parameters():
            nn.init.normal_(parameter)
        y = layer(x)
        dy = torch.randn(y.shape)
        y.backward(dy)
        arrays |= {f"{name}/x": x, f"{name}/y": y, f"{name}/dy": dy, f"{name}/dx": x.grad}
        for weight, values in layer.named_parameters():
            arrays |= {f"{name}/{weight}": values, f"{name}/d{weight}": values.grad}
    arrays |= with_running_averages()
    write(pathlib.Path(__file__).with_suffix(".safetensors"), arrays)


if __name__ == "__main__":
    main()
