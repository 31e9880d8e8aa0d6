"""New clips and pictures from one: quality beside trivial samples, time, memory and growth.

    uv run python benchmarks/generate.py clips ../shared/data/clips      the patch engine on 13-frame clips
    uv run python benchmarks/generate.py pictures ../shared/data/images  pictures of 128 and 256 pixels, and given runs
    uv run python benchmarks/generate.py growth ../shared/data/clips     seconds and memory over the number of voxels
    uv run python benchmarks/generate.py seams ../shared/data/images     seams beside plain pastes (seams.py)

Sheets go to scratch/generate. Frechet distances are in percent of that of the mean colour, since their size says
more of the network than of the clips: `svfid_by_frame` by the trained SqueezeNet in weights/ beside the folder of
clips, which is blind to motion, and `svfid` by the random network of clips, which was never trained;
`sifid` of pictures by SqueezeNet, too.
"""

import argparse
import dataclasses
import resource
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
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
from gestalt.run import device, record
from gestalt.tasks.generate import patch
from gestalt.tasks.generate.config import Patch
from gestalt.tasks.generate.measures import Frechet, measure
from gestalt.tasks.generate.outcome import some_frames
from seams import seams

SCRATCH = Path("scratch/generate")
FRAMES, SAMPLES = 13, 5
CLIPS = ("air_balloons", "fish_13.mp4", "flamingo_13.mp4", "skydivers_13.mp4")
PICTURES, SIZES = ("balloons.png", "birds.png", "mountain_lake.png"), (128, 256)
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


class Table:
    """A Markdown table of measures: rows of several sources, each printed as soon as it is there, and their medians."""

    def __init__(self, source: str, measures: Sequence[str], distances: Sequence[Frechet]) -> None:
        """Print the head; `source` says what the first column names."""
        self.measures, self.distances = measures, distances
        self.rows: dict[str, list[list[float]]] = {}
        columns = (*measures, *(distance.name for distance in distances), "seconds a sample")
        print("\n".join(f"{distance}, in percent of the mean colour's" for distance in distances), end="\n\n")
        print(f"| {source} | row | " + " | ".join(columns) + " |")
        print("|---|---|" + "---|" * len(columns))

    def add(self, name: str, rows: Mapping[str, tuple[list[Tensor], float]], source: Tensor) -> None:
        """Measure and print samples and the seconds each of them took, by row, of one source."""
        wholes = [distance(nulls.mean_colours(source, 1), source) for distance in self.distances]
        for row, (made, seconds) in rows.items():
            found = measure(made, source)
            shares = [
                100 * distance(made, source) / whole for distance, whole in zip(self.distances, wholes, strict=True)
            ]
            numbers = [*(found[key] for key in self.measures), *shares, seconds]
            self.rows.setdefault(row, []).append(numbers)
            print(f"| {name} | {row} | " + " | ".join(f"{x:.2f}" for x in numbers) + " |", flush=True)

    def end(self) -> None:
        """Print the medians of rows there are several of."""
        for row, numbers in self.rows.items():
            if len(numbers) > 1:
                medians = [statistics.median(column) for column in zip(*numbers, strict=True)]
                print(f"| median | {row} | " + " | ".join(f"{x:.2f}" for x in medians) + " |")


def by_patches(source: Tensor, settings: Patch, seed: int) -> tuple[list[Tensor], float]:
    """Samples of the patch engine, and seconds for one."""
    began = time.perf_counter()
    samples = list(patch.make(source, settings, seed=seed))
    return samples, (time.perf_counter() - began) / len(samples)


def clips(folder: Path, preset: str, seed: int) -> None:
    """A table: trivial rows and the patch engine, every clip and the medians; a sheet per clip."""
    distances = (
        Frechet("svfid_by_frame", features.load(f"squeezenet:{folder.parent / WEIGHTS}").by_frame()),
        Frechet("svfid", features.load("random")),
    )
    settings = dataclasses.replace(recipes.generate_patch(preset), samples=SAMPLES)
    next(patch.make(torch.zeros(1, 3, 4, 20, 20), dataclasses.replace(settings, samples=1)))  # compiles the kernels
    table = Table("clip", MEASURES, distances)
    for name, clip in clips_of(folder):
        rows = {row: (make(clip, SAMPLES), 0.0) for row, make in NULLS.items()}
        rows["patch engine"] = by_patches(patch.working_size(clip, settings), settings, seed)
        table.add(name, rows, clip)
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cells = [some_frames(x) for x in (clip, *rows["patch engine"][0])]
        labels = ["input", *(f"sample {n}" for n in range(SAMPLES))]
        image.write(SCRATCH / f"{name}.png", contact_sheet(cells, row_labels=labels))
    table.end()


def pictures(folder: Path, preset: str, seed: int, runs: Sequence[Path]) -> None:
    """A table: trivial rows and the patch engine, for pictures of two sizes; a sheet each; then the given runs.

    The input and the samples of a run of `generate make` are read from its outputs; its row is named after engine and
    folder and has the seconds of the whole run, training included, for each sample.
    """
    distances = (Frechet("sifid", features.load(f"squeezenet:{folder.parent / WEIGHTS}")),)
    measures = [name for name in MEASURES if name != "motion"]
    for size in SIZES:
        settings = dataclasses.replace(recipes.generate_patch(preset), samples=SAMPLES, size=size)
        next(patch.make(torch.zeros(1, 3, 1, 20, 20), dataclasses.replace(settings, samples=1)))
        table = Table(f"picture, {size} px", measures, distances)
        for name in PICTURES:
            picture = patch.working_size(image.read(folder / name)[:, :, None], settings)
            rows = {row: (make(picture, SAMPLES), 0.0) for row, make in NULLS.items() if row != "frame shuffle"}
            rows["patch engine"] = by_patches(picture, settings, seed)
            table.add(name.partition(".")[0], rows, picture)
            SCRATCH.mkdir(parents=True, exist_ok=True)
            cells = [x[:, :, 0] for x in (picture, *rows["patch engine"][0])]
            notes = ["input", *(f"sample {n}" for n in range(SAMPLES))]
            sheet = contact_sheet([cells[:3], cells[3:]], captions=[notes[:3], notes[3:]])
            image.write(SCRATCH / f"{name.partition('.')[0]}_{size}.png", sheet)
        table.end()
        print()
    if not runs:
        return
    table = Table("input of the run", measures, distances)
    for run in runs:
        samples = [image.read(path)[:, :, None] for path in sorted((run / "outputs").glob("sample_*.png"))]
        source = image.read(run / "outputs" / "input.png")[:, :, None]
        said = record.read(run)
        name = Path(str(next(iter(said["inputs"].values())))).stem
        table.add(name, {f"{said['engine']}, {run.name}": (samples, said["seconds"] / len(samples))}, source)


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
    parser.add_argument("what", choices=["clips", "pictures", "growth", "seams"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", default="fast", help="of the patch engine, for clips and pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the patch engine, for clips and pictures")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folders of runs, for pictures")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    device.use_threads(asked.threads)
    if asked.what == "clips":
        clips(asked.folder, asked.preset, asked.seed)
    elif asked.what == "pictures":
        pictures(asked.folder, asked.preset, asked.seed, asked.runs)
    elif asked.what == "growth":
        growth(asked.folder)
    else:
        seams(asked.folder)


if __name__ == "__main__":
    main()
