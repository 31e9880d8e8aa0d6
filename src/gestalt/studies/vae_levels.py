"""How many levels should the VAE have? Quality against diversity over M, the central choice of the hierarchy.

With one VAE level the GAN learns its input nearly by heart; with more, samples differ more and are worse. For every M
models are trained on the same input; what changes with M is the curve in the report.

References:
    Gur, Benaim, Wolf: Hierarchical Patch VAE-GAN: Generating Diverse Videos from a Single Sample. NeurIPS 2020.
"""

import csv
import statistics
from fractions import Fraction

from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.metrics.likeness import psnr
from gestalt.metrics.nulls import shifted
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun, Under
from gestalt.studies.config import VaeLevels
from gestalt.tasks.generate import sampling, vaegan
from gestalt.tasks.generate.config import Sample
from gestalt.tasks.generate.measures import measure
from gestalt.tasks.generate.outcome import keep_one, some_frames


def make(clip: Tensor, settings: VaeLevels, *, rate: Fraction | float, seed: int = 0, run: NullRun) -> None:
    """Train with each number of VAE levels, measure the samples, and keep them.

    Args:
        clip: (1, 3, T, H, W) in [-1, 1], at working size.
        settings: of the study.
        rate: frames per second.
        seed: of all chance; trial t has seed + t.
        run: keeps the first trial's first sample of every M, a sheet with a row per M, a table of all trials, and the
            curve: each measure's mean over the trials, M being the step.
    """
    rows, cells, source = [], [some_frames(clip)], clip
    for count in settings.levels:
        for trial in range(settings.trials):
            model = vaegan.fit(
                clip,
                settings.model(count),
                seed=seed + trial,
                run=Under(run, f"M {count}, trial {trial}"),
            )
            trained = sampling.trained_on(clip, float(rate), settings.model(count), model)
            samples = list(sampling.sample(trained, Sample(samples=settings.samples), seed=seed + trial))
            if trial == 0:
                caption = f"{count} VAE levels, a sample"
                keep_one(f"vae_levels_{count}", samples[0], caption, rate=trained.rate, run=run)
                cells.append(some_frames(samples[0]))
            source = trained.source
            rows.append({"vae_levels": count, "trial": trial, **measures_of(samples, source)})
    null = measures_of(shifted(source, settings.samples), source)
    with (
        run.file("vae_levels.csv", "every trial, and the input shifted cyclically as a null", kind="table") as path,
        path.open("w", newline="") as file,
    ):
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows([*rows, {"vae_levels": "null", "trial": "", **null}])
    for count in settings.levels:
        mine = [row for row in rows if row["vae_levels"] == count]
        means = {key: statistics.mean(row[key] for row in mine) for key in null}
        run.log(count, **means)
        run.measure(**{f"{key}_{count}": value for key, value in means.items()})
    labels = ["input", *(f"{count} VAE levels" for count in settings.levels)]
    run.image("sheet.png", contact_sheet(cells, row_labels=labels), "The input, and a sample for every M", kind="sheet")


def measures_of(samples: list[Tensor], clip: Tensor) -> dict[str, float]:
    """`measure`, and the mean peak signal-to-noise ratio of the samples to the input's first window, in decibels."""
    window = clip[:, :, : samples[0].shape[2]]
    likeness = statistics.mean(psnr(sample, resize(window, sample.shape[2:])) for sample in samples)
    return {**measure(samples, clip), "psnr": likeness}
