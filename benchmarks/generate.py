"""New clips and pictures from one: quality beside trivial samples, time, memory and growth.

    uv run python benchmarks/generate.py clips ../shared/data/clips      the patch engine on 13-frame clips
    uv run python benchmarks/generate.py growth ../shared/data/clips     seconds and memory over the number of voxels

Sheets go to scratch/generate. Frechet distances are in percent of that of the mean colour, since their size says
more of the network than of the clips: `svfid_by_frame` by the trained SqueezeNet in weights/ beside the folder of
clips, which is blind to motion, and `svfid` by the random network of clips, which was never trained.
"""

import argparse
import dataclasses
import resource
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from gestalt import recipes
from gestalt.media import image
from gestalt.media.sheet import contact_sheet
from gestalt.media.video import read_clip
from gestalt.metrics import nulls
from gestalt.nn import features
from gestalt.ops.resize import resize
from gestalt.run import device
from gestalt.tasks.generate import patch
from gestalt.tasks.generate.measures import Frechet, measure
from gestalt.tasks.generate.outcome import some_frames

SCRATCH = Path("scratch/generate")
FRAMES, SAMPLES = 13, 5
CLIPS = ("air_balloons", "fish_13.mp4", "flamingo_13.mp4", "skydivers_13.mp4")
MEASURES = ("diversity", "diversity_coarse", "nnf_diversity", "coherence", "completeness", "sharpness", "motion")
WEIGHTS = Path("weights", "squeezenet_v1_0.npz")
NULLS = {
    "mean colour": nulls.mean_colours,
    "pixel shuffle": nulls.shuffled_pixels,
    "cyclic shift": nulls.shifted,
    "frame shuffle": nulls.shuffled_frames,
    "copy + noise": nulls.noisy,
}


def clips_of(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The clips, (1, 3, 13, H, W) each."""
    for name in CLIPS:
        yield name.partition("_")[0], read_clip(folder / name, max_frames=1000, take=FRAMES)[0]


def clips(folder: Path) -> None:
    """A table: trivial rows and the patch engine, every clip and the medians; a sheet per clip."""
    distances = (
        Frechet("svfid_by_frame", features.load(f"squeezenet:{folder.parent / WEIGHTS}").by_frame()),
        Frechet("svfid", features.load("random")),
    )
    columns = (*MEASURES, *(distance.name for distance in distances), "seconds a sample")
    print("\n".join(f"{distance}, in percent of the mean colour's" for distance in distances), end="\n\n")
    print("| clip | row | " + " | ".join(columns) + " |")
    print("|---|---|" + "---|" * len(columns))
    table: dict[str, list[list[float]]] = {}
    settings = dataclasses.replace(recipes.generate_patch("fast"), samples=SAMPLES)
    next(patch.make(torch.zeros(1, 3, 4, 20, 20), dataclasses.replace(settings, samples=1)))  # compiles the kernels
    for name, clip in clips_of(folder):
        rows = {row: (make(clip, SAMPLES), 0.0) for row, make in NULLS.items()}
        began = time.perf_counter()
        samples = list(patch.make(patch.working_size(clip, settings), settings))
        rows["patch engine"] = samples, (time.perf_counter() - began) / SAMPLES
        wholes = [distance(nulls.mean_colours(clip, 1), clip) for distance in distances]
        for row, (made, seconds) in rows.items():
            found = measure(made, clip)
            shares = [100 * distance(made, clip) / whole for distance, whole in zip(distances, wholes, strict=True)]
            numbers = [*(found[key] for key in MEASURES), *shares, seconds]
            table.setdefault(row, []).append(numbers)
            print(f"| {name} | {row} | " + " | ".join(f"{x:.2f}" for x in numbers) + " |", flush=True)
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cells = [some_frames(x) for x in (clip, *samples)]
        labels = ["input", *(f"sample {n}" for n in range(SAMPLES))]
        image.write(SCRATCH / f"{name}.png", contact_sheet(cells, row_labels=labels))
    for row, numbers in table.items():
        medians = [statistics.median(column) for column in zip(*numbers, strict=True)]
        print(f"| median | {row} | " + " | ".join(f"{x:.2f}" for x in medians) + " |")


def growth(folder: Path) -> None:
    """Seconds and peak memory of one sample of the first clip, from small to 15 x 480 x 854."""
    clip = read_clip(folder / CLIPS[0], max_frames=1000, take=15)[0]
    print("| frames x height x width | voxels | seconds | microseconds a voxel | peak MB so far |")
    print("|---|---|---|---|---|")
    for size in ((13, 72, 128), (13, 144, 256), (15, 240, 427), (15, 480, 854)):
        given = resize(clip[:, :, : size[0]], size).clamp(-1, 1)
        settings = dataclasses.replace(recipes.generate_patch("fast"), samples=1, size=max(size[1:]))
        began = time.perf_counter()
        next(patch.make(given, settings))
        seconds, voxels = time.perf_counter() - began, size[0] * size[1] * size[2]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        head = f"| {size[0]} x {size[1]} x {size[2]} | {voxels} |"
        print(f"{head} {seconds:.1f} | {1e6 * seconds / voxels:.1f} | {peak:.0f} |", flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["clips", "growth"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    device.use_threads(asked.threads)
    {"clips": clips, "growth": growth}[asked.what](asked.folder)


if __name__ == "__main__":
    main()
