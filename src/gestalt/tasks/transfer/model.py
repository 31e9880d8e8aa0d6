"""What `transfer fit` does, and what its runs leave: a trained method that other commands take up."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gestalt.media.sheet import contact_sheet
from gestalt.nn.fresh import torch_fresh
from gestalt.ops.chance import seeded
from gestalt.run import checkpoint, record
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import config, edits, grow
from gestalt.tasks.transfer.codes import Transfer
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.disentangle import Disentangle
from gestalt.tasks.transfer.intersection import Intersection
from gestalt.tasks.transfer.mask import Mask
from gestalt.tasks.transfer.pictures import Side, as_images, mean_picture, spread

SHOWN, FEW = 6, 200
"""Held-out pictures of each side in the grid; pictures of a side below which it is said that they are few."""


class Model(NamedTuple):
    """A trained method.

    net: ready to use.
    settings: it was trained with.
    threshold: of its masks, from which on a pixel is content's; chosen on pictures that were learned from.
    """

    net: Transfer
    settings: Fit
    threshold: float


def fresh(settings: Fit, seed: int) -> Transfer:
    """The method of some settings, with first weights drawn from a seed."""
    builds: dict[type[Fit], Callable[[Any], Transfer]] = {
        config.Disentangle: Disentangle,
        config.Intersection: Intersection,
        config.Mask: Mask,
    }
    build = builds[type(settings)]
    return torch_fresh(lambda: build(settings), seeded(seed, 5))


def make(
    content: Side, plain: Side, settings: Fit, *, seed: int, device: torch.device, run: NullRun = NullRun()
) -> Model:
    """Train a method, show it on pictures held out, and keep it as weights/model.safetensors.

    Args:
        content: pictures with the content; of two kinds, the first.
        plain: pictures without; of two kinds, the second.
        settings: of the method.
        seed: of all chance.
        device: that computes.
        run: takes the loop and keeps the results.
    """
    fewest = min(len(content.learned), len(plain.learned))
    if fewest < FEW:
        run.say(
            f"warning: {fewest} pictures on one side are few; expect soft results that keep to what was seen, and look "
            "at grid.png before you trust them"
        )
    build = partial(fresh, seed=seed)
    net = grow.learn(build, content, plain, settings, seed=seed, device=device, run=run)
    net.requires_grad_(False)
    x, y = (as_images(side.held_out[:64].to(device)) for side in (content, plain))
    threshold = between_classes(edits.segment(net, as_images(spread(content.learned, 256).to(device))))
    kept = net.state_dict() | {"threshold": torch.tensor(threshold, dtype=torch.float64)}
    run.save("model", kept, dataclasses.asdict(settings))
    again_x, again_y = net.rebuilt(x, y)
    rebuilt = float((again_x - x).abs().mean() + (again_y - y).abs().mean()) / 2
    mean = [mean_picture(side.learned).to(device) for side in (content, plain)]
    usual = float((x - mean[0]).abs().mean() + (y - mean[1]).abs().mean()) / 2
    if rebuilt >= usual:
        run.say(
            f"warning: pictures held out are rebuilt no better ({rebuilt:.3f}) than by the mean picture ({usual:.3f}), "
            "so nothing was learned: learn longer, or lower --lr"
        )
    run.measure(
        held_out_rebuilt=rebuilt,
        held_out_mean_picture=usual,
        learned_content=len(content.learned),
        learned_plain=len(plain.learned),
        mask_threshold=threshold,
    )
    run.image(
        "grid.png",
        grid(net, y[:SHOWN], x[:SHOWN]),
        "pictures held out: each column's picture with the content of each row's",
    )
    run.image("removed.png", removed(net, x[:SHOWN]), "pictures held out, and the same without their content")
    return Model(net, settings, threshold)


def grid(net: Transfer, targets: Tensor, guides: Tensor, *, side: int = edits.CONTENT) -> Tensor:
    """Targets on top, guides at the left, and in between every target with every guide's content."""
    rows: list[list[Tensor | None]] = [[None, *(target[None] for target in targets)]]
    for guide in guides:
        given = edits.add(net, targets, guide[None], side=side).image
        rows.append([guide[None], *(one[None] for one in given)])
    return contact_sheet(rows)


def removed(net: Transfer, pictures: Tensor) -> Tensor:
    """Pictures above, the same without their content below, and between them, of a mask method, where it was."""
    without = edits.remove(net, pictures)
    rows = [[one[None] for one in pictures], [one[None] for one in without.image]]
    if without.pasted:
        masks = 2 * edits.segment(net, pictures).expand(-1, 3, -1, -1) - 1
        rows.insert(1, [one[None] for one in masks])
    return contact_sheet(rows)


def between_classes(masks: Tensor) -> float:
    """The threshold that parts masks (N, 1, S, S) in [0, 1] best into two classes of values, by Otsu's rule.

    References:
        Otsu: A Threshold Selection Method from Gray-Level Histograms. IEEE Transactions on Systems, Man, and
            Cybernetics 1979.
    """
    bins = 256
    share = torch.histc(masks.float().cpu(), bins, 0, 1).double() / masks.numel()
    centres = (torch.arange(bins).double() + 0.5) / bins
    below, moment = share.cumsum(0), (share * centres).cumsum(0)
    apart = (moment[-1] * below - moment).square() / (below * (1 - below)).clamp_min(1e-12)
    return float((int(apart.argmax()) + 1) / bins)


def load(run: Path, device: torch.device | str) -> Model:
    """Read a finished run, of a fit or of a test that fitted on drawn faces.

    Raises:
        ValueError: it is no such run, or its files are missing, damaged or of another version.
    """
    content = record.finished(
        run, ("transfer fit", "transfer test"), lacks="trained method", expected="gestalt transfer fit WITH WITHOUT"
    )
    if fitted := content.get("inputs", {}).get("run"):
        raise ValueError(f"{run} tested {fitted} and holds no trained method itself: name that run")
    saved, header = checkpoint.read_weights(run / "weights" / "model.safetensors", device)
    with checkpoint.fitting(run, header):
        settings = SETTINGS[content["engine"]](**header["settings"])
        threshold = float(saved.pop("threshold"))
        net = fresh(settings, 0)
        net.load_state_dict(saved)
    net = net.to(device).to(memory_format=net.layout)
    return Model(net.requires_grad_(False).eval(), settings, threshold)


SETTINGS: dict[str, type[Fit]] = {
    "mask": config.Mask,
    "disentangle": config.Disentangle,
    "intersection": config.Intersection,
}
"""Of each method, by the name it has on the command line."""
