"""How well a method does, as a table: on drawn faces, where every answer is known, or on pictures held out.

Whether a result is on the side it was meant for is asked of a classifier that is trained on the same two folders and
on nothing the method makes; beside its verdicts stand those on real pictures and on pictures left as they are.
"""

import csv
from collections.abc import Mapping

import torch
from torch import Tensor

from gestalt.metrics.frechet import fit_gaussian, frechet_distance
from gestalt.metrics.kernel import kid
from gestalt.nn import features
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.transfer import edits, exact, model
from gestalt.tasks.transfer.attribute import accuracy, fit_attribute
from gestalt.tasks.transfer.codes import Transfer
from gestalt.tasks.transfer.config import Fit, Networks, Test
from gestalt.tasks.transfer.exact import in_chunks
from gestalt.tasks.transfer.model import SETTINGS, Model
from gestalt.tasks.transfer.pictures import Side, as_images, mean_picture, spread

LEARNED, PROBED = 2000, 2000
"""Pictures of each side that the classifier learns from at most; drawn faces that codes are asked about."""


def drawn(method: str, settings: Test, *, seed: int, device: torch.device, run: NullRun = NullRun()) -> None:
    """Fit a method on drawn faces and measure it on others: outputs/tested.csv, and what `model.make` keeps.

    Args:
        method: mask, disentangle or intersection.
        settings: of measuring.
        seed: of all chance.
        device: that computes.
        run: keeps the results.
    """
    two, size = settings.two_sided, settings.size
    content, plain = exact.sides(settings.pictures, size, seed=seed, two=two)
    fitted: Fit = SETTINGS[method](size=size, steps=settings.steps, networks=Networks(width=settings.width))
    trained = model.make(content, plain, fitted, seed=seed, device=device, run=run)
    asked, others = (exact.exam(settings.pairs, size, seed=seed, part=part, two=two) for part in (1, 2))
    found = exact.measure(trained.net, asked) | exact.measure_masks(trained.net, asked, trained.threshold)
    best = exact.best_threshold(trained.net, others)
    found["mask_iou_best"] = exact.measure_masks(trained.net, asked, best)["mask_iou"]
    found |= exact.looks_known(trained.net, exact.exam(PROBED, size, seed=seed, part=3))
    x, y = (some.to(device) for some in (asked.source().image, asked.target()))
    found |= rates(trained.net, content, plain, x, y, settings, two=two, seed=seed, run=run)
    keep(found, run=run)


def held_out(
    trained: Model, content: Side, plain: Side, settings: Test, *, seed: int, run: NullRun = NullRun()
) -> None:
    """Measure a method on the pictures it held out: outputs/tested.csv, grid.png and removed.png.

    Args:
        trained: the method.
        content, plain: both sides.
        settings: of measuring.
        seed: of the classifier.
        run: keeps the results.
    """
    device = next(trained.net.parameters()).device
    x, y = (as_images(side.held_out[: settings.pairs].to(device)) for side in (content, plain))
    count = min(len(x), len(y))
    again_x, again_y = (
        in_chunks(trained.net, lambda *some, n=n: trained.net.rebuilt(*some)[n], x[:count], y[:count]) for n in (0, 1)
    )
    found = {
        "rebuilt_content": _apart(again_x, x[:count]),
        "rebuilt_content_mean_picture": _apart(mean_picture(content.learned).to(device), x[:count]),
        "rebuilt_plain": _apart(again_y, y[:count]),
        "rebuilt_plain_mean_picture": _apart(mean_picture(plain.learned).to(device), y[:count]),
    }
    two = trained.net.contents > 1
    found |= rates(trained.net, content, plain, x, y, settings, two=two, seed=seed, run=run)
    found |= exact.leaks(trained.net, x[:count], y[:count])
    run.image(
        "grid.png",
        model.grid(trained.net, y[: model.SHOWN], x[: model.SHOWN]),
        "pictures held out: each column's picture with the content of each row's",
    )
    run.image(
        "removed.png", model.removed(trained.net, x[: model.SHOWN]), "pictures held out, and without their content"
    )
    keep(found, run=run)


def rates(
    net: Transfer,
    content: Side,
    plain: Side,
    x: Tensor,
    y: Tensor,
    settings: Test,
    *,
    two: bool,
    seed: int,
    run: NullRun,
) -> dict[str, float]:
    """What share of results is taken for pictures of the side they were meant for.

    Args:
        net: the method, ready to use.
        content, plain: both sides; the classifier learns from what the method learned from.
        x, y: (N, 3, S, S) and (M, 3, S, S) pictures of both sides that nothing was learned from.
        settings: of measuring.
        two: whether both sides have content, so that pictures without any are of neither.
        seed: of the classifier.
        run: takes its loop.

    Returns:
        Shares: of added content, of removed content where that leads to the other side, of translations to the second
        side where the method knows its content, and of real pictures (`classifier_accuracy`), of those left as they
        are (`..._identity`), and of those given the mean of all guides' codes (`..._mean_answer`). How far results with
        one guide are from those with the next (`guide_heeded`; 0 where the guide plays no part; of two guides or more),
        beside how far they are from what was edited (`added_changed`). With features, KID and FID of the results to
        real pictures of their side, beside those of pictures left as they are.
    """
    known = [as_images(spread(side.learned, LEARNED).to(x.device)) for side in (content, plain)]
    judge = fit_attribute(known[0], known[1], steps=settings.judge, seed=seed, run=run)
    count = min(len(x), len(y))
    x, y = x[:count], y[:count]
    given, by_others = (in_chunks(net, lambda t, g: edits.add(net, t, g).image, y, x.roll(n, 0)) for n in (1, 2))
    usual = in_chunks(net, net.separate[edits.CONTENT], x).mean(0, keepdim=True)
    by_all = in_chunks(net, lambda t: edits.give(net, t, usual.to(t.device)).image, y)
    bare = in_chunks(net, lambda some: edits.remove(net, some).image, x)
    found = {
        "classifier_accuracy": accuracy(judge, x, y),
        "added_called_content": _share(judge.probability(given) > 0.5),
        "added_called_content_identity": _share(judge.probability(y) > 0.5),
        "added_called_content_mean_answer": _share(judge.probability(by_all) > 0.5),
        "added_changed": _apart(given, y),
        "removed_changed": _apart(bare, x),
    }
    if count > 1:
        found["guide_heeded"] = _apart(given, by_others)
    likened = [("added", given, x, y)]
    if not two:
        found["removed_called_plain"] = _share(judge.probability(bare) <= 0.5)
        found["removed_called_plain_identity"] = _share(judge.probability(x) <= 0.5)
        likened.append(("removed", bare, y, x))
    if net.contents > 1:
        back = in_chunks(net, lambda t, g: edits.add(net, t, g, side=edits.PLAIN).image, x, y.roll(1, 0))
        found["translated_called_plain"] = _share(judge.probability(back) <= 0.5)
        found["translated_called_plain_identity"] = _share(judge.probability(x) <= 0.5)
        likened.append(("translated", back, y, x))
    if settings.features:
        for name, results, real, start in likened:
            found |= {f"{name}_{key}": value for key, value in likeness(results, real, settings.features).items()}
            told = likeness(start, real, settings.features)
            found |= {f"{name}_{key}_identity": value for key, value in told.items()}
    return found


def check_features(name: str) -> None:
    """See that features are there.

    Raises:
        ValueError: they are not, or do not look at pictures.
    """
    if "image" not in features.load(name).kinds:
        raise ValueError(f"--features {name} looks at clips; name one that looks at pictures")


@torch.no_grad()
def likeness(one: Tensor, other: Tensor, name: str) -> dict[str, float]:
    """KID and FID of two sets of pictures (N, 3, S, S), enlarged where too small, by mean features of about 1."""
    extractor = features.load(name).to(one.device)
    side = max(one.shape[-1], extractor.least)
    seen = [
        torch.cat([extractor(resize(some, (side, side))).mean((2, 3)) for some in pictures.split(exact.CHUNK)])
        for pictures in (one, other)
    ]
    scale = torch.cat(seen).square().mean().sqrt().clamp_min(1e-6)  # the kernel is made for numbers about 1
    seen = [each / scale for each in seen]
    gaussians = [fit_gaussian(each) for each in seen]
    return {"kid": kid(seen[0], seen[1]).mean, "fid": frechet_distance(gaussians[0], gaussians[1])}


def keep(found: Mapping[str, float], *, run: NullRun) -> None:
    """All figures as measures and as outputs/tested.csv."""
    run.measure(**found)
    with (
        run.file("tested.csv", "every figure, with what needs no method beside", kind="table") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("measure", "value"))
        table.writerows((name, f"{value:.4f}") for name, value in found.items())


def _share(these: Tensor) -> float:
    return float(these.double().mean())


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean())
