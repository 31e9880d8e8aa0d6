"""What every engine leaves in its run: the samples, one sheet of them, and their measures beside the null."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.media.video_writer import VideoWriter
from gestalt.metrics.nulls import shifted
from gestalt.run.service import NullRun
from gestalt.tasks.generate.measures import Frechet, measure

TIMES, COLUMNS = 5, 4
"""Frames of each clip, and pictures in a row, on the sheet."""

SLOWEST, FASTEST = Fraction(1, 1000), 1000
"""Frames per second that a video can have; inputs of times that mean nothing may claim others."""


def keep(
    samples: Iterable[Tensor],
    source: Tensor,
    *,
    rate: Fraction | float = 25,
    run: NullRun,
    name: str = "sample",
    frechet: Frechet | None = None,
) -> list[Tensor]:
    """Keep the input and every sample as soon as it is there, then a sheet and the measures.

    Args:
        samples: (1, 3, T, H, W) in [-1, 1] each, all of one size; with T = 1 they are pictures.
        source: (1, 3, T, H, W) in [-1, 1].
        rate: frames per second of clips.
        run: takes it all: `input.png` or `.mp4`, `sample_000.png` or `.mp4` and so on, `sheet.png`.
        name: what the files are called.
        frechet: one measure more; the sheet's caption says which.

    Returns:
        The samples.
    """
    keep_one("input", source, "the input", rate=rate, run=run)
    kept = []
    for n, sample in enumerate(samples):
        keep_one(f"{name}_{n:03d}", sample, f"{name} {n}", rate=rate, run=run)
        kept.append(sample.cpu())
    caption = "The input and what was made of it"
    keep_sheet(source, kept, run, name, caption if frechet is None else f"{caption}; {frechet}")
    source = source.cpu()
    run.measure(**measure(kept, source, frechet))
    null = measure(shifted(source, len(kept)), source, frechet)
    run.measure(**{f"null_shift_{key}": value for key, value in null.items()})
    return kept


def keep_collage(
    samples: Iterable[Tensor], sources: Sequence[Tensor], *, rate: Fraction | float, run: NullRun
) -> list[Tensor]:
    """As `keep`, for samples of several sources, which are shown but not measured: no source is theirs alone."""
    kept = []
    for n, source in enumerate(sources):
        keep_one(f"input_{n}", source, f"input {n}", rate=rate, run=run)
    for n, sample in enumerate(samples):
        keep_one(f"sample_{n:03d}", sample, f"sample {n}", rate=rate, run=run)
        kept.append(sample.cpu())
    return kept


def keep_edit(
    results: Mapping[int, Tensor],
    start: int,
    source: Tensor,
    *,
    rates: tuple[Fraction | float, Fraction | float],
    run: NullRun,
) -> None:
    """Keep a picture edited from one level on, as `edited.png` or `.mp4`, and those from every level on one sheet.

    `rates` are the frames per second of the source and of what was edited.
    """
    keep_one("input", source, "what the model was trained on", rate=rates[0], run=run)
    keep_one("edited", results[start], f"the picture, entering at level {start}", rate=rates[1], run=run)
    cells = [result[:, :, result.shape[2] // 2] for result in results.values()]
    notes = [f"start {n}" + (" (taken)" if n == start else "") for n in results]
    run.image("levels.png", _pictures(cells, notes), "The picture, entering at every level", kind="sheet")
    run.measure(start=start)


def keep_one(name: str, clip: Tensor, caption: str, *, rate: Fraction | float, run: NullRun) -> None:
    """Write a clip (1, 3, T, H, W) as outputs/<name>.mp4, or as .png where it has one frame."""
    if clip.shape[2] == 1:
        run.image(f"{name}.png", clip[:, :, 0], caption)
        return
    with (
        run.file(f"{name}.mp4", f"{caption}, {clip.shape[2]} frames", kind="video") as path,
        VideoWriter(path, rate=min(max(rate, SLOWEST), FASTEST)) as writer,
    ):
        writer.write(clip)


def some_frames(clip: Tensor) -> list[Tensor]:
    """A few frames of a clip (1, 3, T, H, W), evenly spaced: (1, 3, H, W) each."""
    return [clip[:, :, n] for n in _times(clip)]


def _pictures(cells: list[Tensor], notes: list[str]) -> Tensor:
    """A sheet of pictures with a note below each, row by row."""
    starts = range(0, len(cells), COLUMNS)
    rows = [cells[n : n + COLUMNS] for n in starts]
    captions = [notes[n : n + COLUMNS] for n in starts]
    return contact_sheet(rows, captions=captions)


def _times(clip: Tensor) -> list[int]:
    last = clip.shape[2] - 1
    return sorted({round(n * last / (TIMES - 1)) for n in range(TIMES)})


def keep_sheet(source: Tensor, samples: list[Tensor], run: NullRun, name: str, caption: str) -> None:
    """Of clips a row each and a column per time, the input first; of pictures as many as fit, row by row."""
    if samples[0].shape[2] == 1:
        cells = [source[:, :, 0], *(sample[:, :, 0] for sample in samples)]
        notes = ["input", *(f"{name} {n}" for n in range(len(samples)))]
        sheet = _pictures(cells, notes)
    else:
        rows, captions = [], []
        for clip in (source, *samples):
            rows.append(some_frames(clip))
            captions.append([f"frame {n}" for n in _times(clip)])
        labels = ["input", *(f"{name} {n}" for n in range(len(samples)))]
        sheet = contact_sheet(rows, row_labels=labels, captions=captions)
    run.image("sheet.png", sheet, caption, kind="sheet")
