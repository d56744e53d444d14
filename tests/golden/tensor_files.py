"""Writes torch_archive.pth and torch_stream.pth: the same values as PyTorch saves them today, and as it did before 1.6.

Run with: python3 tests/golden/tensor_files.py (PyTorch 1.13). What they hold stands in tests/nodes/files/tensor_file.cpp.
"""
import collections
import pathlib

import torch


def main():
    numbers = torch.arange(12, dtype=torch.float32)
    model = collections.OrderedDict(
        plain=torch.tensor([[0.5, -1.0, 2.0], [3.0, 4.0, 1e-3]]),
        half=torch.tensor([1.5, -2.0, 6e-8], dtype=torch.float16),
        brain=torch.tensor([1.5, -3.0], dtype=torch.bfloat16),
        double=torch.tensor([0.1], dtype=torch.float64),
        count=torch.tensor(7),
        mask=torch.tensor([True, False]),
        turned=numbers.reshape(3, 4).t(),
        part=numbers[5:7],
        learned=torch.nn.Parameter(torch.tensor([9.0])),
    )
    model._metadata = {"": {"version": 1}}
    saved = {"model": model, "step": 1000, "rate": 1e-3, "nothing": None, "list": [torch.tensor([1, 2], dtype=torch.int32)]}
    folder = pathlib.Path(__file__).parent
    torch.save(saved, folder / "torch_archive.pth")
    torch.save(saved, folder / "torch_stream.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
