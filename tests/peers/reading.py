#!/usr/bin/python3
"""Reading and packing pictures, here and in what people use instead: images a second and their ratios.

  tests/peers/reading.py [FOLDER] [--rounds 5] [--size 64]

Reading: the images of one packed file in random order, each checked here against its checksum; beside a loop of h5py that
reads one image at a time, PyTorch's DataLoader (2 workers, batches of 64, the file opened by each worker), and zlib alone on
two processes, which inflates the same chunks out of memory and does nothing else: what no reader of such files can exceed.
Packing: FOLDER into such a file, beside a loop of PIL and h5py with the same chunks and compression, and the same with two
processes that decode. Everything takes turns, round by round.

FOLDER: pictures of any size, below folders or not; drawn ones when it is left out. Needs numpy, h5py, pillow and torch; the
program must be built.
"""
import argparse
import multiprocessing
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import zlib

import h5py
import numpy
import torch
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/tools/run-pipeline"
BATCH, WORKERS, COPIES = 64, 2, 48

READ = """run: {{micro_batch: {batch}, seed: {seed}}}
nodes:
  images: {{type: hdf5_images, path: "{file}", shuffle: true}}
  labels: {{type: npy_writer, in: images.label, path: {folder}/labels.npy}}
"""


def run(*arguments):
    done = subprocess.run([str(a) for a in (PROGRAM, *arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def draw(folder):
    generator = numpy.random.default_rng(1)
    for number in range(2000):
        rough = generator.integers(0, 256, (8, 8, 3), dtype=numpy.uint8)
        Image.fromarray(rough).resize((96, 80), Image.BICUBIC).save(folder / f"{number:05}.png")


# --- reading: images a second --------------------------------------------------------------------------------------


def here(folder, seed, count):
    """Of as many copies as make a run that is longer than its start, which is told as well."""
    pipeline = folder / "read.yaml"
    pipeline.write_text(READ.format(batch=BATCH, seed=seed, file=folder / "copies/*.h5", folder=folder))
    begin = time.perf_counter()
    whole = run(pipeline)
    seconds = time.perf_counter() - begin
    return float(re.search(r"images in .*, ([\d.]+) images/s", whole).group(1)), COPIES * count / seconds


def h5py_loop(file, order):
    with h5py.File(file) as opened:
        images, labels = opened["images"], opened["labels"]
        begin = time.perf_counter()
        for number in order:
            images[number]
            labels[number]
        return len(order) / (time.perf_counter() - begin)


class Packed(torch.utils.data.Dataset):
    def __init__(self, file):
        self.file, self.opened = file, None
        with h5py.File(file) as opened:
            self.count = len(opened["images"])

    def __len__(self):
        return self.count

    def __getitem__(self, number):
        if self.opened is None:
            self.opened = h5py.File(self.file)
        return torch.from_numpy(self.opened["images"][number]).permute(2, 0, 1), int(self.opened["labels"][number])


def loader_of(file):
    return torch.utils.data.DataLoader(Packed(file), batch_size=BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)


def data_loader(loader, count):
    begin = time.perf_counter()
    for images, _ in loader:
        images.shape
    return count / (time.perf_counter() - begin)


def inflate(chunks):
    begin = time.perf_counter()
    for chunk in chunks:
        zlib.decompress(chunk)
    return time.perf_counter() - begin


# --- packing: images a second --------------------------------------------------------------------------------------


def pack_here(source, folder, size):
    target = folder / "here.h5"
    target.unlink(missing_ok=True)
    begin = time.perf_counter()
    run(ROOT / "pipelines/pack_images.yaml", f"vars.source={source}", f"vars.file={target}", f"vars.size={size}")
    return time.perf_counter() - begin


def decoded(job):
    path, size = job
    with Image.open(path) as picture:
        rgba = picture.convert("RGBA")
        over = Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba).convert("RGB")
    scale = size / min(over.size)
    over = over.resize([max(size, round(side * scale)) for side in over.size], Image.BOX)
    left, top = (over.width - size) // 2, (over.height - size) // 2
    return numpy.asarray(over.crop((left, top, left + size, top + size)))


def pack_with_pil(files, folder, size, decode):
    target = folder / "pil.h5"
    target.unlink(missing_ok=True)
    begin = time.perf_counter()
    with h5py.File(target, "w") as made:
        images = made.create_dataset("images", (len(files), size, size, 3), "u1", chunks=(1, size, size, 3), compression="gzip",
                                     compression_opts=4)
        for number, image in enumerate(decode(decoded, ((f, size) for f in files))):
            images[number] = image
    return time.perf_counter() - begin


def told(title, rows):
    """Other work on the machine makes all of them slower, and those with two processes or threads more than the others: best
    against best is what a machine of one's own would show."""
    print(f"\n{title:<38} images/s, median and best      here / this, medians and bests")
    own = rows["here"]
    for name, rates in rows.items():
        median, best = statistics.median(rates), max(rates)
        print(f"  {name:<36} {median:>10.0f} {best:>10.0f} {statistics.median(own) / median:>22.2f} {max(own) / best:>10.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as away:
        folder = pathlib.Path(away)
        source = pathlib.Path(given.folder or folder / "drawn")
        if not given.folder:
            source.mkdir()
            draw(source)
        file = folder / "images.h5"
        run(ROOT / "pipelines/pack_images.yaml", f"vars.source={source}", f"vars.file={file}", f"vars.size={given.size}")
        with h5py.File(file) as opened:
            images = opened["images"]
            count = len(images)
            chunks = [images.id.read_direct_chunk((number, 0, 0, 0))[1] for number in range(count)]
        (folder / "copies").mkdir()
        for number in range(COPIES):
            shutil.copy(file, folder / f"copies/{number:02}.h5")
        files = sorted(p for p in source.rglob("*") if p.is_file())
        loader = loader_of(file)
        data_loader(loader, count)  # the workers start
        rows = {name: [] for name in ("here", "here, with the start of the program", "h5py, one image a read",
                                      "DataLoader, 2 workers", "zlib alone, 2 processes")}
        packing = {name: [] for name in ("here", "PIL and h5py", "PIL in 2 processes, and h5py")}
        with multiprocessing.Pool(WORKERS) as pool:
            for number in range(given.rounds):
                order = numpy.random.default_rng(number).permutation(count)
                alone, started = here(folder, number, count)
                rows["here"].append(alone)
                rows["here, with the start of the program"].append(started)
                rows["h5py, one image a read"].append(h5py_loop(file, order))
                rows["DataLoader, 2 workers"].append(data_loader(loader, count))
                seconds = pool.map(inflate, [chunks[w::WORKERS] for w in range(WORKERS)], 1)
                rows["zlib alone, 2 processes"].append(count / max(seconds))
                packing["here"].append(count / pack_here(source, folder, given.size))
                packing["PIL and h5py"].append(count / pack_with_pil(files, folder, given.size, map))
                packing["PIL in 2 processes, and h5py"].append(
                    count / pack_with_pil(files, folder, given.size, lambda f, jobs: pool.imap(f, jobs, 64)))
        print(f"{count} images of {given.size}x{given.size}x3, {given.rounds} rounds")
        told("reading a packed file in random order", rows)
        told("packing a folder of pictures", packing)


if __name__ == "__main__":
    main()
