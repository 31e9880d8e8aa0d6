"""What a trained run can do: more samples, of any size; ways from one to another; one place anew; pictures edited.

A model is a chain of levels; everything here is a matter of what enters it where. At level 0 enters a draw, for a
sample, or a latent map of the VAE-GAN, for a way between two samples or for one that is new in one place only. At a
later level a picture may enter: its coarse contents then stay and its details become those of the input, so that paint
becomes a photograph and what was pasted in is harmonised.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.ops.chance import seeded
from gestalt.ops.pyramid import Size, fit_long_side, follow_clip
from gestalt.ops.resize import resize
from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun
from gestalt.settings import wanted_size
from gestalt.tasks.generate.config import Edit, Sample, SinGan, VaeGan
from gestalt.tasks.generate.singan import SinGanModel
from gestalt.tasks.generate.vaegan import PatchVaeGan

Model = PatchVaeGan | SinGanModel


class Trained(NamedTuple):
    """What a run left: its settings, the input (1, 3, T, H, W) at working size, its frames per second, the model."""

    settings: VaeGan | SinGan
    source: Tensor
    rate: float
    model: Model


def trained_on(clip: Tensor, rate: float, settings: VaeGan | SinGan, model: Model) -> Trained:
    """What was trained, its input as the finest level saw it: of a clip every so manieth frame, if that is so."""
    step = settings.rates[-1] if isinstance(settings, VaeGan) and clip.shape[2] > 1 else 1
    return Trained(settings, clip[:, :, ::step], rate / step, model)


def save(trained: Trained, run: NullRun) -> None:
    """Keep model and input, exactly, as weights/model.safetensors."""
    pixels = ((trained.source + 1) * 127.5).round().to(torch.uint8)
    more = {"input": pixels, "rate": torch.tensor(trained.rate, dtype=torch.float64)}
    run.save("model", {**trained.model.tensors(), **more})


def load(run: Path, device: torch.device | str) -> Trained:
    """Read a finished run.

    Raises:
        ValueError: it is no run that trained a model, or its files are missing, damaged or of another version.
    """
    expected = "gestalt generate make X --engine vaegan (or singan)"
    content = record.finished(
        run, ("generate make",), engines=("vaegan", "singan"), lacks="trained model", expected=expected
    )
    tensors, config = checkpoint.read_weights(run / "weights" / "model.safetensors", device)
    with checkpoint.fitting(run, config):
        if content["engine"] == "vaegan":
            settings = VaeGan(**config["settings"])
            model = PatchVaeGan.restore(tensors, settings, torch.device(device))
        else:
            settings = SinGan(**config["settings"])
            model = SinGanModel.restore(tensors, settings, torch.device(device))
        source, rate = tensors["input"].float() / 127.5 - 1, float(tensors["rate"])
    return Trained(settings, source, rate, model)


def ladder(trained: Trained, settings: Sample) -> list[Size]:
    """The sizes of what is asked for, level by level."""
    time, *plane = trained.model.sizes[-1]
    wanted = wanted_size(settings.size) if settings.size else tuple(plane)
    if isinstance(wanted, int):
        wanted = tuple(max(1, round(side * wanted / max(plane))) for side in plane)
    return follow_clip((settings.frames or time, *wanted), trained.model.sizes)


def check(trained: Trained, settings: Sample) -> None:
    """See that the model can do what is asked.

    Raises:
        ValueError: it cannot.
    """
    if settings.frames > 1 and trained.model.sizes[-1][0] == 1:
        raise ValueError("--frames is for clips, and this model was trained on a picture")
    if settings.frames == 1 and trained.model.sizes[-1][0] > 1:
        raise ValueError("--frames must be at least 2 for a model that was trained on a clip")
    if settings.mode != "random" and not isinstance(trained.model, PatchVaeGan):
        raise ValueError(f"--mode {settings.mode} needs the latent map of a run with --engine vaegan")
    if settings.mode == "local":
        _, height, width = size = ladder(trained, settings)[0]
        if not box(size, settings.box).any():
            given = " ".join(map(str, settings.box))
            raise ValueError(
                f"--box {given} holds no place of the latent map, which is {height} x {width}: expected a larger box"
            )


def sample(trained: Trained, settings: Sample, *, first: int = 0, seed: int = 0) -> Iterator[Tensor]:
    """Draw samples.

    Args:
        trained: as `load` gives it.
        settings: how many, how large, and in which mode.
        first: number of the first of random samples; those of one seed and number are equal.
        seed: of all chance.

    Yields:
        (1, 3, T, H, W) in [-1, 1].
    """
    sizes, model = ladder(trained, settings), trained.model
    if settings.mode == "random":
        for n in range(first, first + settings.samples):
            yield model.sample(sizes, seeded(seed, n)).clamp(-1, 1)
        return
    assert isinstance(model, PatchVaeGan)
    begin = model.draw_latent(sizes[0], seeded(seed, 0, 0))
    for n in range(settings.samples):
        if settings.mode == "between":
            second = model.draw_latent(sizes[0], seeded(seed, 1, 0))
            z = along_the_sphere(begin, second, n / max(1, settings.samples - 1))
        else:
            fresh = model.draw_latent(sizes[0], seeded(seed, n, 1)) if n else begin
            inside = model.inside(box(sizes[0], settings.box)).to(begin.device)
            z = torch.where(inside, fresh, begin)
        # One noise for all: what differs comes from the latent map alone.
        yield model.sample(sizes, seeded(seed, 2), z=z).clamp(-1, 1)


def along_the_sphere(first: Tensor, second: Tensor, share: float) -> Tensor:
    """A latent map between two, as likely as they are: a straight mean would be shorter than any draw."""
    angle = torch.arccos(F.cosine_similarity(first.flatten(), second.flatten(), dim=0).clamp(-1, 1))
    if float(angle) < 1e-6:
        return first
    return (torch.sin((1 - share) * angle) * first + torch.sin(share * angle) * second) / torch.sin(angle)


def box(size: Size, edges: tuple[float, ...]) -> Tensor:
    """(1, 1, T, H, W) bool: a level's places between top, left, bottom, right, given in shares of height and width."""
    _, height, width = size
    top, left, bottom, right = edges
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    inside = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    return inside.expand(1, 1, size[0], -1, -1)


def start_of(trained: Trained, picture: Tensor, settings: Edit) -> int:
    """The level that `settings` name, for a picture (1, 3, T, H, W).

    Raises:
        ValueError: the model has no such level, or was trained on clips and this is none, or the reverse.
    """
    is_clip = trained.model.sizes[-1][0] > 1
    if is_clip != (picture.shape[2] > 1):
        expected, got = ("a clip", "a picture") if is_clip else ("a picture", "a clip")
        raise ValueError(f"this model was trained on {expected}, so it edits those only, got {got}")
    last = len(trained.model.sizes) - 1
    if last == 0:
        raise ValueError("this model has one level, so nothing can enter above it: train one on a larger picture")
    start = max(1, (last + 1) // 2) if settings.start == "middle" else settings.start
    if start > last:
        raise ValueError(f"--start {start} is past the finest level: this model has levels 1 to {last} to start at")
    return start


def edit(
    picture: Tensor, trained: Trained, settings: Edit, *, mask: Tensor | None = None, seed: int = 0
) -> dict[int, Tensor]:
    """Give a picture the details of what the model was trained on, from every level on.

    Args:
        picture: (1, 3, T, H, W) in [-1, 1]; reduced to the long side that the model was trained at.
        trained: as `load` gives it.
        settings: whether there is noise.
        mask: (1, 1, T, H, W) from 0, where the picture stays as it is, to 1, where it may differ; None for everywhere.
        seed: of the noise.

    Returns:
        For each level to start at, (1, 3, T, h, w) in [-1, 1].
    """
    model = trained.model
    plane = fit_long_side(picture.shape[3:], max(model.sizes[-1][1:]))
    sizes = follow_clip((picture.shape[2], *plane), model.sizes)
    picture = resize(picture, sizes[-1]).clamp(-1, 1)
    results = {}
    for start in range(1, len(sizes)):
        chance = seeded(seed, start) if settings.noise else None
        result = model.sample(sizes, chance, begin=picture, start=start).clamp(-1, 1)
        if mask is not None:
            share = resize(mask.float(), sizes[-1]).clamp(0, 1)
            result = torch.lerp(picture, result, share)
        results[start] = result
    return results
