"""Trains and samples diffusion models on CPU: pipelines of Dagfusion, run from Python.

    report = dagfusion.run("train.yaml", ["run.steps=100"], progress=print)
    images = dagfusion.images("sample.yaml", ["vars.checkpoint=runs/train"])   # uint8 [N,H,W,C]
"""

import inspect
import os

import numpy

from ._dagfusion import Pipeline, Pictures, RunError, UserError
from . import _dagfusion

__all__ = ["DataSet", "RunError", "UserError", "images", "metrics", "node", "run"]


def run(file, overrides=(), *, add=(), remove=(), resume=None, threads=0, progress=None):
    """Runs a pipeline file and returns its report as a dict: outcome, steps, loss, seconds, directory, told, tasks, ...

    overrides: "run.steps=100", as behind the program's file; add, remove: as with --add and --remove; resume: a run
    directory to go on with, "" for the newest one. progress: called with a dict whenever there is something new, 20 times
    a second at the most; what it raises stops the run at once.

    A mistake in the file raises UserError, a node that fails RunError. Ctrl-C finishes the step, saves, and raises
    KeyboardInterrupt; once more stops at once. Other threads of Python go on meanwhile.
    """
    return _dagfusion.run(_pipeline(file, overrides, add, remove, resume, threads), progress)


def images(file, overrides=(), *, node="bytes", add=(), remove=(), threads=0, progress=None):
    """Runs a pipeline that draws, and returns the images that its node (a to_bytes) gives: uint8 [N,H,W,C]."""
    drawn = _dagfusion.images(_pipeline(file, overrides, add, remove, None, threads), node, progress)
    return numpy.ascontiguousarray(drawn.transpose(0, 2, 3, 1))


def node(function=None, *, name=None, backward=None, shape=()):
    """Makes a function a node type of the pipelines that this program runs, for experiments: @dagfusion.node.

    Its arguments are the node's inputs, float32 arrays [N,...] of one frame, all of one shape; an annotation says what else
    they are: def f(x, t: "[N] f32", label: "[N] i32"). It returns y, an array of the shape of the first one, or of [N, *shape]. Its name (or `name`) is the type in the file: {type: sharpen, in: {x: images}}. With backward(dy,
    *inputs), which returns a tuple of the inputs' gradients (None: 0), it may stand between a model and its loss.

    It is slow: arrays are copied, and Python runs for one frame at a time, whatever the number of threads. What it raises
    ends the run with a RunError that has the traceback. A file with such a node is known to this program alone.
    """
    if function is None:
        return lambda given: node(given, name=name, backward=backward, shape=shape)
    _dagfusion.add_function_node(name or function.__name__, (inspect.getdoc(function) or "").split("\n")[0],
                                 _ports(function), function, backward, list(shape))
    return function


def metrics(path):
    """The columns of a run's metrics.csv, or of another CSV file of numbers: {"step": array, "loss": array, ...}."""
    path = os.fspath(path)
    return _dagfusion.columns(os.path.join(path, "metrics.csv") if os.path.isdir(path) else path)


class DataSet:
    """Pictures in a folder, .zip, .tar, HDF5 or IDX file: data[0] is (uint8 [H,W,C], label), -1 where there is none."""

    def __init__(self, path, key=""):
        self._pictures = Pictures(os.fspath(path), key)
        self.kind = self._pictures.kind
        self.classes = self._pictures.classes

    def __len__(self):
        return len(self._pictures)

    def __getitem__(self, number):
        return self._pictures.picture(number), self._pictures.label(number)

    def batches(self, size):
        """(uint8 [N,H,W,C], int32 [N]) in the order of the file, the last one with what is left; pictures of one size."""
        for first in range(0, len(self), size):
            pictures, labels = zip(*(self[k] for k in range(first, min(first + size, len(self)))))
            yield numpy.stack(pictures), numpy.array(labels, numpy.int32)


def _ports(function):
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.annotation if isinstance(p.annotation, str) else "[N,...] f32") for p in parameters]


def _pipeline(file, overrides, add, remove, resume, threads):
    return Pipeline(file=os.fspath(file), set=list(overrides), add=list(add), remove=list(remove),
                    resume=None if resume is None else os.fspath(resume), threads=threads)
