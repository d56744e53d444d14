#!/usr/bin/env python3
"""Writes cifar-10-python.tar.gz: CIFAR-10's python version in small, two images a batch, as each Python and NumPy pickles it.

data_batch_1 has the opcodes of Python 2, in which CIFAR is distributed; 2, 3 and 4 are protocols 2, 4 and 5 of Python 3. All
pixels of an image are one number: ten times its place, from 0 on. Needs numpy.
"""
import gzip
import io
import pathlib
import pickle
import struct
import tarfile

import numpy

CLASSES = ["airplane", "automobile", "bird"]


def batch(number):
    first = 2 * (number - 1)
    data = numpy.stack([numpy.full(3072, 10 * (first + i), numpy.uint8) for i in (0, 1)])
    return {"batch_label": f"batch {number}", "labels": [first % 3, (first + 1) % 3], "data": data,
            "filenames": [f"plane_{first}.png", f"plane_{first + 1}.png"]}


def text(value):  # a str of Python 2
    value = value.encode() if isinstance(value, str) else value
    return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<i", len(value)) + value


def by_python_2(values):
    array = (b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85" + text("b") + b"\x87Rq\x09(K\x01K\x02M"
             + struct.pack("<H", 3072) + b"\x86cnumpy\ndtype\nq\x0a" + text("u1") + b"K\x00K\x01\x87Rq\x0b(K\x03" + text("|")
             + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(values["data"].tobytes()) + b"tb")
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in values["labels"]) + b"e"
    names = b"](" + b"".join(text(name) for name in values["filenames"]) + b"e"
    return (b"\x80\x02}q\x01(" + text("batch_label") + text(values["batch_label"]) + text("labels") + labels + text("data")
            + array + text("filenames") + names + b"u.")


def in_bytes(values):  # keys and names as Python 3 reads those of Python 2
    turn = lambda v: v.encode() if isinstance(v, str) else [turn(x) for x in v] if isinstance(v, list) else v
    return {turn(key): turn(value) for key, value in values.items()}


files = {"data_batch_1": by_python_2(batch(1))}
for number, protocol in ((2, 2), (3, 4), (4, 5)):
    files[f"data_batch_{number}"] = pickle.dumps(in_bytes(batch(number)), protocol=protocol)
files["test_batch"] = by_python_2(batch(9))
files["batches.meta"] = pickle.dumps({"label_names": CLASSES, "num_vis": 3072}, protocol=2)
packed = io.BytesIO()
with tarfile.open(fileobj=packed, mode="w") as archive:
    for name, contents in files.items():
        entry = tarfile.TarInfo("cifar-10-batches-py/" + name)
        entry.size = len(contents)
        archive.addfile(entry, io.BytesIO(contents))
(pathlib.Path(__file__).parent / "cifar-10-python.tar.gz").write_bytes(gzip.compress(packed.getvalue(), mtime=0))
