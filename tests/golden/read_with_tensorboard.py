#!/usr/bin/env python3
"""Reads a folder of event files with TensorBoard, and says what it sees: the tests themselves need no Python.

  pip install tensorboard setuptools
  run-pipeline train.yaml ... && python3 tests/golden/read_with_tensorboard.py runs/001

Fails unless the numbers of metrics.csv are those of the event files (both logs fire in the same steps), every preview is there
as a picture of its size, and the histograms count all weights.
"""
import csv
import glob
import os
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = sys.argv[1]
everything = {"scalars": 0, "images": 0, "histograms": 0, "tensors": 0, "compressedHistograms": 1}

log = EventAccumulator(os.path.join(run, "tensorboard"), everything).Reload()
tags = log.Tags()
rows = list(csv.DictReader(open(os.path.join(run, "metrics.csv"))))
for tag in tags["scalars"]:
    seen = {e.step: e.value for e in log.Scalars(tag)}
    for row in rows:
        wanted = struct.unpack("f", struct.pack("f", float(row[tag])))[0]
        assert seen[int(row["step"])] == wanted, (tag, row["step"])
print("scalars", {tag: len(log.Scalars(tag)) for tag in tags["scalars"]})

pictures = {(os.path.basename(f)[:-4], int(os.path.basename(os.path.dirname(f))[5:])): f
            for f in glob.glob(os.path.join(run, "previews", "*", "*.png"))}
seen = {(tag, e.step): e for tag in tags["images"] for e in log.Images(tag)}
assert set(seen) == set(pictures), (set(seen), set(pictures))
for key, path in pictures.items():
    png = open(path, "rb").read()
    assert seen[key].encoded_image_string == png
    assert (seen[key].width, seen[key].height) == struct.unpack(">II", png[16:24])
print("pictures", sorted(seen))

weights = os.path.join(run, "tensorboard", "weights")
if os.path.isdir(weights):
    log = EventAccumulator(weights, everything).Reload()
    tags = log.Tags()["histograms"]
    for tag in tags:
        for event in log.Histograms(tag):
            value = event.histogram_value
            assert abs(sum(value.bucket) - value.num) < 1e-6 and value.min <= value.max, tag
    print("histograms", len(tags), "of", sum(int(log.Histograms(t)[0].histogram_value.num) for t in tags), "values, at",
          [e.step for e in log.Histograms(tags[0])])
