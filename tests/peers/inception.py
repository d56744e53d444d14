#!/usr/bin/python3
"""Features of FID's Inception, this project beside PyTorch, on the same drawn weights and images, turn by turn.

  tests/peers/inception.py [IMAGES [ROUNDS]]          how fast
  tests/peers/inception.py --scores [IMAGES]          scores of two heaps of images in each mode, beside torch-fidelity's
                                                      and pytorch-fid's (which takes minutes for its square root)

Needs torch, numpy, torch-fidelity and, for scores, pytorch-fid and Pillow (PYTHONPATH); the program must be built. The machine's speed may change at any moment:
both are measured in turn, in seconds and in CPU seconds, and the median ratio is told. How far features differ is told too.
"""
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch

root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "tests" / "golden"))
from inception import clean, inside, pictures, weights  # noqa: E402

MULTIPLY_ADDS = 5.711e9  # of one image


def network(folder):
    """torch-fidelity's, which reads its weights from a file: first one that has none, then drawn ones."""
    import torch_fidelity.feature_extractor_inceptionv3 as module
    load = torch.nn.Module.load_state_dict
    module.load_state_dict_from_url = lambda *_, **__: None
    torch.nn.Module.load_state_dict = lambda *_, **__: None
    made = module.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"])
    torch.nn.Module.load_state_dict = load
    state = weights(made.state_dict())
    made.load_state_dict(state)
    torch.save(state, folder / "weights.pth")
    return made


def ours(folder):
    blocks = ", ".join(str(root / f"pipelines/blocks/inception{n}.yaml") for n in ("_a", "_b", "_c", "_d", "_e", "_f", ""))
    (folder / "features.yaml").write_text(f"""blocks: [{blocks}]
run: {{output: {folder}/out}}
nodes:
  images:   {{type: npy_reader, path: {folder}/images.npy}}
  network:  {{type: inception, in: images, weights: {folder}/weights.pth}}
  features: {{type: npy_writer, in: network.features, path: features.npy}}
""")
    subprocess.run([root / "build/tools/run-pipeline", folder / "features.yaml"], check=True, stdout=subprocess.DEVNULL)
    return numpy.load(sorted((folder / "out").iterdir())[-1] / "features.npy")


def our_scores(folder, mode):
    blocks = ", ".join(str(root / f"pipelines/blocks/inception{n}.yaml") for n in ("_a", "_b", "_c", "_d", "_e", "_f", ""))
    network = f"weights: {folder}/weights.pth, mode: {mode}"
    features = "in: {samples: drawn.features, reference: real.features}"
    (folder / "scores.yaml").write_text(f"""blocks: [{blocks}]
run: {{output: {folder}/{mode}}}
nodes:
  samples: {{type: npy_reader, path: {folder}/samples.npy}}
  images:  {{type: npy_reader, path: {folder}/real.npy}}
  drawn:   {{type: inception, in: samples, {network}}}
  real:    {{type: inception, in: images, {network}}}
  frechet: {{type: frechet_distance, {features}}}
  kernel:  {{type: kernel_distance, {features}, subsets: 10, subset_size: 16}}
  balls:   {{type: precision_recall, {features}}}
  score:   {{type: inception_score, in: drawn.logits, splits: 4}}
""")
    subprocess.run([root / "build/tools/run-pipeline", folder / "scores.yaml"], check=True, stdout=subprocess.DEVNULL)
    found = {}
    for path in sorted((folder / mode).iterdir())[-1].glob("*.csv"):
        header, row = path.read_text().splitlines()[:2]
        if header.startswith("images,"):
            found |= {f"{path.stem} {c}": float(v) for c, v in zip(header.split(","), row.split(","))}
    return found


def their_scores(model, samples, real, mode):
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    def seen(images):
        resized = torch.nn.functional.interpolate(images.float() / 255, size=(299, 299), mode="bilinear", align_corners=False)
        with torch.no_grad():
            return model(images) if mode == "tensorflow" else inside(model, clean(images) if mode == "clean" else 2 * resized - 1)

    (a, logits), (b, _) = seen(samples), seen(real)
    mine, other = fid_features_to_statistics(a), fid_features_to_statistics(b)
    kid = kid_features_to_metric(a, b, kid_subsets=10, kid_subset_size=16, rng_seed=2020, verbose=False)
    prc = prc_features_to_metric(a, b, prc_neighborhood=3, verbose=False)
    return {"frechet distance": fid_statistics_to_metric(mine, other, False)["frechet_inception_distance"],
            "frechet distance, pytorch-fid": calculate_frechet_distance(mine["mu"], mine["sigma"], other["mu"], other["sigma"]),
            "kernel distance": kid["kernel_inception_distance_mean"],
            "inception_score score": isc_features_to_metric(logits, 4, True, 2020)["inception_score_mean"],
            "precision_recall precision": prc["precision"], "precision_recall recall": prc["recall"]}


def compare_scores(count):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = network(folder)
        samples, real = pictures(count, 32, 32), pictures(count, 32, 32).flip(3) // 2 + 60
        numpy.save(folder / "samples.npy", samples.numpy())
        numpy.save(folder / "real.npy", real.numpy())
        for mode in ("tensorflow", "pytorch_fid", "clean"):
            mine = our_scores(folder, mode)
            for measure, value in their_scores(model, samples, real, mode).items():
                own = mine[measure.split(",")[0]]
                off = abs(own - value) / max(abs(value), 1e-30)
                print(f"{mode:<12} {measure:<30} {own:<14.8g} {value:<14.8g} relative difference {off:.1e}", flush=True)


def theirs(model, images):
    with torch.no_grad():
        return torch.cat([model(part)[0] for part in images.split(16)]).numpy()


def timed(work):
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    value = work()
    seconds = time.monotonic() - begin
    after, of_children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime - own.ru_utime) + (of_children.ru_utime - children.ru_utime)
    return value, seconds, cpu


def main():
    if sys.argv[1:2] == ["--scores"]:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        return compare_scores(int(sys.argv[2]) if len(sys.argv) > 2 else 32)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    ratios, cpu_ratios = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = network(folder)
        images = pictures(count, 32, 32)
        numpy.save(folder / "images.npy", images.numpy())
        theirs(model, images[:16])  # what is made once
        for _ in range(rounds):
            mine, seconds, cpu = timed(lambda: ours(folder))
            other, other_seconds, other_cpu = timed(lambda: theirs(model, images))
            ratios.append(other_seconds / seconds)
            cpu_ratios.append(other_cpu / cpu)
            off = numpy.linalg.norm(mine - other) / numpy.linalg.norm(other - other.mean(0))
            print(f"{count} images: {seconds:.1f} s here ({cpu:.1f} s of CPU, {count * MULTIPLY_ADDS * 2e-9 / cpu:.0f} GFLOP/s a core), "
                  f"{other_seconds:.1f} s in PyTorch {torch.__version__} ({other_cpu:.1f} s); features differ by {off:.1e}", flush=True)
    print(f"PyTorch takes {statistics.median(ratios):.2f} times as long, and {statistics.median(cpu_ratios):.2f} times the CPU seconds")


if __name__ == "__main__":
    main()
