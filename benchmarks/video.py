"""Clips: how much less space-time patches flicker than the same patches frame by frame, and at what price.

    uv run python benchmarks/video.py ../shared/data

Clips and styles are those named below, long side 96 px, the first 24 frames. Settings are chosen once for each clip, on
its middle frame, and are the same for both forms. Beside them stands the style painted over every frame alike by
histogram matching, which flickers least and has none of its patches.
"""

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gestalt import recipes
from gestalt.media import image
from gestalt.media.video import VideoStream
from gestalt.metrics.edges import edge_correlation
from gestalt.metrics.flicker import flicker
from gestalt.metrics.patches import coherence
from gestalt.ops.stats import match_histogram
from gestalt.tasks.analogy import patch, video

FRAMES, SIZE = 24, 96
CASES = (
    ("clips/volcano.mp4", "pairs/mosaic_glyph/mosaic"),
    ("clips/fish_long.mp4", "pairs/paving_mud/mud"),
    ("motion/wolf.mp4", "pairs/stones_bowls/bowls"),
)


def measured(clip: Tensor, still: Tensor, make: Callable[[], Tensor]) -> list[float]:
    """Flicker, E with the clip, coherence ratio (both over every fourth frame), seconds."""
    began = time.perf_counter()
    result = make()
    seconds = time.perf_counter() - began
    some = range(0, clip.shape[2], 4)
    edges = statistics.fmean(edge_correlation(result[:, :, t], clip[:, :, t]) for t in some)
    looks = statistics.fmean(coherence(result[:, :, t], still) / coherence(clip[:, :, t], still) for t in some)
    return [flicker(result, clip), edges, looks, seconds]


def main() -> None:
    """Print the table."""
    shared = Path(sys.argv[1])
    torch.set_num_threads(2)
    print("| clip, style | form | flicker | E(A) | coherence | seconds |\n|---|---|---|---|---|---|")
    for name, style in CASES:
        blocks = list(VideoStream(shared / name, size=SIZE, block=FRAMES))[:1]
        settings = dataclasses.replace(recipes.analogy_patch("fast"), size=SIZE)
        still = patch.working_size(image.read(next((shared / style).parent.glob(f"{Path(style).name}.*"))), settings)
        clip = video.as_clip(blocks[0].frames, SIZE)
        middle = clip[:, :, clip.shape[2] // 2]
        settings = patch.choose(middle, patch.prepare(middle, still, settings), settings, seed=0)

        def by_frames(clip: Tensor = clip, still: Tensor = still, settings: patch.Patch = settings) -> Tensor:
            frames = [clip[:, :, t] for t in range(clip.shape[2])]
            return torch.stack([patch.transfer(x, still, settings, seed=0, name="frame") for x in frames], dim=2)

        def in_space_time(blocks: list = blocks, still: Tensor = still, settings: patch.Patch = settings) -> Tensor:
            return next(video.by_patches(blocks, still, settings)).result

        rows = {
            "the clip itself": lambda clip=clip: clip,
            "histogram match": lambda clip=clip, still=still: match_histogram(clip, still),
            "frame by frame": by_frames,
            "space-time": in_space_time,
        }
        for form, make in rows.items():
            numbers = " | ".join(f"{value:.3f}" for value in measured(clip, still, make))
            print(f"| {Path(name).stem}, {Path(style).name} | {form} | {numbers} |", flush=True)


if __name__ == "__main__":
    main()
