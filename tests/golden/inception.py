#!/usr/bin/python3
"""Writes inception.safetensors: features of FID's Inception on random, seeded weights, by torch-fidelity's network.

The weights are drawn by a generator that both sides have (see `draw`), so that the file holds images and features alone:
4 images of 40x32 pixels, their features in the three ways to resize (tensorflow: torch-fidelity's own; pytorch_fid:
its resize; clean: clean-fid's, by Pillow), the logits without bias, and the Fréchet distance, kernel distance, Inception
score, precision and recall that torch-fidelity gives for 60 rows of random features.

  inception.py WEIGHTS.pth   writes the weights, to measure with other programs; their names and shapes go to
                             inception_weights.txt, the rest to inception.safetensors

Needs torch, numpy, Pillow, torch-fidelity, safetensors' format is written by hand.
"""
import json
import pathlib
import struct
import sys

import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric


def draw(name, shape):
    """Numbers in [-1,1) that depend on the name alone: a linear congruential generator on 32 bits."""
    state = 2166136261
    for byte in name.encode():
        state = (state ^ byte) * 16777619 & 0xFFFFFFFF
    count = int(numpy.prod(shape))
    # x[n] = a^n x[0] + c (a^n - 1) / (a - 1), all modulo 2^32, in one pass
    values = numpy.empty(count, numpy.uint32)
    a, c = 1664525, 1013904223
    for i in range(min(count, 4096)):
        state = (a * state + c) & 0xFFFFFFFF
        values[i] = state
    done = min(count, 4096)
    jump_a, jump_c = 1, 0
    for _ in range(4096):
        jump_a, jump_c = jump_a * a & 0xFFFFFFFF, (jump_c * a + c) & 0xFFFFFFFF
    while done < count:
        some = min(4096, count - done)
        values[done:done + some] = values[done - 4096:done - 4096 + some] * numpy.uint32(jump_a) + numpy.uint32(jump_c)
        done += some
    return ((values >> 8) / 2.0 ** 23 - 1).astype(numpy.float32).reshape(shape)


def weights(state):
    drawn = {}
    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            drawn[name] = tensor
            continue
        values = draw(name, tuple(tensor.shape))
        if tensor.dim() > 1:  # as He et al. scale them
            values = values * numpy.float32((6 / tensor[0].numel()) ** 0.5)
        elif name.endswith("running_var") or name.endswith("bn.weight"):
            values = 1 + values * numpy.float32(0.25)
        else:
            values = values * numpy.float32(0.1)
        drawn[name] = torch.tensor(values)
    return drawn


def pictures(count, height, width):
    """Bytes with structure: waves of some lengths, and a bit of noise."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    made = []
    for n in range(count):
        planes = []
        for c in range(3):
            wave = numpy.sin(x * (0.1 + 0.05 * n) + c) * numpy.cos(y * (0.3 - 0.02 * n) + 2 * c)
            noise = draw(f"picture{n}.{c}", (height, width))
            planes.append(numpy.clip(127.5 + 90 * wave + 30 * noise, 0, 255))
        made.append(numpy.stack(planes))
    return torch.tensor(numpy.stack(made).astype(numpy.uint8))


def clean(images):
    made = []
    for image in images.numpy():
        planes = [numpy.asarray(Image.fromarray(p.astype(numpy.float32), mode="F").resize((299, 299), Image.BICUBIC)).clip(0, 255)
                  for p in image]
        made.append(numpy.stack(planes))
    return (torch.tensor(numpy.stack(made)) - 128) / 128


def inside(network, x):
    """The network behind its own resize."""
    import torch_fidelity.feature_extractor_inceptionv3 as module
    kept = module.interpolate_bilinear_2d_like_tensorflow1x
    module.interpolate_bilinear_2d_like_tensorflow1x = lambda y, **_: x * 128 + 128
    try:
        return network(torch.zeros(len(x), 3, 1, 1, dtype=torch.uint8))
    finally:
        module.interpolate_bilinear_2d_like_tensorflow1x = kept


def write(path, arrays):
    header, data = {}, b""
    for name, values in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [len(data), len(data) + values.nbytes]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.set_num_threads(1)
    path = sys.argv[1]
    import torch_fidelity.feature_extractor_inceptionv3 as module
    module.load_state_dict_from_url = lambda *_, **__: None
    load = torch.nn.Module.load_state_dict
    torch.nn.Module.load_state_dict = lambda *_, **__: None
    network = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"])
    torch.nn.Module.load_state_dict = load
    state = weights(network.state_dict())
    network.load_state_dict(state)
    torch.save(state, path)
    listed = [f"{name} {','.join(map(str, t.shape))}" for name, t in state.items() if t.dim() > 0]
    pathlib.Path(__file__).with_name("inception_weights.txt").write_text("\n".join(listed) + "\n")

    images = pictures(4, 40, 32)
    with torch.no_grad():
        features, logits = network(images)
        resized = F.interpolate(images.float() / 255, size=(299, 299), mode="bilinear", align_corners=False)
        pytorch_fid, _ = inside(network, 2 * resized - 1)
        cleaned, _ = inside(network, clean(images))
    arrays = {"images": images.float().numpy(), "tensorflow": features.numpy(), "logits": logits.numpy(),
              "pytorch_fid": pytorch_fid.numpy(), "clean": cleaned.numpy()}

    samples = torch.tensor(draw("samples", (60, 16)) * numpy.linspace(0.5, 1.5, 16, dtype=numpy.float32))
    real = torch.tensor(draw("real", (60, 16)))
    fid = fid_statistics_to_metric(fid_features_to_statistics(samples), fid_features_to_statistics(real), False)
    kid = kid_features_to_metric(samples, real, kid_subsets=30, kid_subset_size=20, rng_seed=2020, verbose=False)
    isc = isc_features_to_metric(samples * 4, 10, True, 2020)
    prc = prc_features_to_metric(samples, real, prc_neighborhood=3, verbose=False)
    scores = [fid["frechet_inception_distance"], kid["kernel_inception_distance_mean"], kid["kernel_inception_distance_std"],
              isc["inception_score_mean"], isc["inception_score_std"], prc["precision"], prc["recall"]]
    arrays |= {"samples": samples.numpy(), "real": real.numpy(), "scores": numpy.array(scores, numpy.float32)}
    write(pathlib.Path(__file__).with_suffix(".safetensors"), arrays)
    print(scores)
    print(features.abs().mean(), features.std(0).mean())


if __name__ == "__main__":
    main()
