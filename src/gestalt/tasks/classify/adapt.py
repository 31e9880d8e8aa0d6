"""Learning from a labelled source for a target without labels, by the directed swap of statistics.

First the source alone is learned from. Then a batch is half source and half target: where the coin of a layer says so,
the source half gets the statistics of the target half, sample by sample; the loss is that of the source half, whose
labels are known:

    L = mean over the source of cross-entropy(f(x_s | statistics of x_t), y_s)

So what is learned of shapes in the source is learned in the target's looks, and the target's statistics are all that is
learned of it. From then on batch normalisation keeps its moments, as in the published experiment, and the step size is
a tenth: with moments of batches of two kinds of light drawn signs were hardly learned at all, and with whole steps
networks whose moments are kept forgot what they knew.
`--swap none` never shows the target, which is what to compare with.

It is the swap of the published adaptation experiment without the rest of it, which is adversarial and has a stage of
self-distillation; and the target is not rewritten.

References:
    Nuriel, Benaim, Wolf: Permuted AdaIN - Reducing the Bias Towards Global Statistics in Image Classification. CVPR
        2021.
"""

import copy
import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.average import follow
from gestalt.nn.learning import Parallel, turns
from gestalt.ops.chance import seeded
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.classify import network, shown, tables
from gestalt.tasks.classify.config import Adapt
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.segments import NONE
from gestalt.tasks.classify.sides import Side, Sides
from gestalt.tasks.classify.training import (
    autocast,
    optimiser_of,
    schedule,
    seeded_step,
    share,
    stepped,
    swaps,
)

AGAIN = 0.1
"""Of the step size, with which the source's part of the steps begins, that the target's part begins with: networks
whose batch normalisation keeps its moments do not stand more."""


def make(
    sides: Sides, net: Classifier, settings: Adapt, *, seed: int, device: torch.device, run: NullRun = NullRun()
) -> dict[str, float]:
    """Adapt, keep weights/adapted.safetensors, classes.csv and adapted.png, and say how well both sides are told.

    Args:
        sides: see there.
        net: from `fresh`.
        settings: of adapting.
        seed: of all chance.
        device: that computes.
        run: takes the loop, and keeps the measures and outputs/tested.csv.
    """
    net = fit(sides, net, settings, seed=seed, device=device, run=run)
    run.save("adapted", net.state_dict())
    found: dict[str, float] = {}
    rows = []
    for name, side in (("source", sides.source), ("target", sides.target)):
        confusion = confusions(net, side, len(sides.classes), settings.batch)
        if not int(confusion.sum()):
            run.say(f"nothing of the {name} can be tested: it has no labels")
            continue
        found[f"{name}_accuracy"] = float(confusion.diag().sum() / confusion.sum())
        each = overlaps(confusion) if settings.what == "segments" else recalls(confusion)
        found[f"{name}_{'miou' if settings.what == 'segments' else 'mean_class'}"] = float(each[~each.isnan()].mean())
        rows += [(name, c, "" if bool(v.isnan()) else f"{v:.6f}") for c, v in zip(sides.classes, each, strict=True)]
    what = "intersection over union" if settings.what == "segments" else "part named right"
    names = ([name] for name in sides.classes)
    tables.write(tables.CLASSES, "in the order of what the network gives", ("class",), names, run=run)
    tables.write("tested.csv", f"of each class, {what}", ("side", "class", "value"), rows, run=run)
    run.image("adapted.png", shown.sheet(net, sides), "what is said of some pictures of both sides")
    run.measure(**found, source=len(sides.source.learned), target=len(sides.target.learned))
    run.say(", ".join(f"{name.replace('_', ' ')} {value:.1%}" for name, value in found.items()))
    return found


def fit(
    sides: Sides, net: Classifier, settings: Adapt, *, seed: int, device: torch.device, run: NullRun = NullRun()
) -> Classifier:
    """Train a network; what comes back is it or its average, ready to judge, without swaps."""
    net = net.to(device).to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(net).requires_grad_(False) if settings.average else None
    handle = swaps(net, dataclasses.replace(settings.swapping, partner="directed"), run=run)
    optimiser = optimiser_of(net, settings)
    learner = Parallel(net)
    state = {"net": net, "optimiser": optimiser} | ({"average": average} if average is not None else {})
    alone = round(settings.alone * settings.steps)
    begun = alone if handle is not None else settings.steps
    made: Iterator[tuple[Tensor, Tensor]] | None = None
    for step in run.steps("adapt", settings.steps, state):
        if made is None:
            made = batches(sides, settings, seed=seed, begun=begun, first=step)
        if handle is not None and step < begun:
            handle.disable()
        elif handle is not None:
            handle.enable()
        if step >= alone:
            keep_moments(net)
        x, labels = next(made)
        labels = labels.to(device)
        with seeded_step(seed, step, handle, device):
            with autocast(device):
                logits = learner(x.to(device, memory_format=torch.channels_last))
            own = logits[: len(labels)].float()
            asked = labels != NONE
            loss = F.cross_entropy(own, labels, ignore_index=NONE, reduction="sum") / asked.sum().clamp_min(1)
            stepped(net, optimiser, loss, rate_of(step, alone, settings), settings)
        if average is not None:
            follow(average, net, min(settings.average, (step + 1) / (step + 10)))
        right = ((own.argmax(1) == labels) & asked).sum() / asked.sum().clamp_min(1)
        run.log(step, loss=float(loss.detach()), accuracy=float(right))
    if handle is not None:
        handle.remove()
    return (net if average is None else average).requires_grad_(False).eval()


def rate_of(step: int, alone: int, settings: Adapt) -> float:
    """The step size: it falls over the steps that the source has alone, and from a tenth once more over the rest."""
    if step < alone:
        return settings.lr * schedule(step, alone, settings)
    return AGAIN * settings.lr * schedule(step - alone, settings.steps - alone, settings)


def keep_moments(net: torch.nn.Module) -> None:
    """Let batch normalisation use its running moments and leave them as they are."""
    for module in net.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def batches(sides: Sides, settings: Adapt, *, seed: int, begun: int, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
    """Of steps `first`, `first` + 1 and so on: pictures, the source's first, and the source's labels.

    Args:
        sides: of the pictures.
        settings: of adapting.
        seed: of all chance.
        begun: step from which on the target's pictures are there.
        first: step to begin with.

    Raises:
        ValueError: a picture cannot be read.
    """
    rank, count = int(os.environ.get("RANK", "0")), share(settings)
    own = range(rank * count, (rank + 1) * count)

    def of_step(step: int) -> tuple[Tensor, Tensor]:
        found = []
        for which, side in enumerate((sides.source, sides.target) if step >= begun else (sides.source,)):
            chosen = turns(len(side.learned), seed + which, step, settings.batch)
            chance = [np.random.default_rng((seed, step, n, which)) for n in own]
            found.append([side.piece(side.learned[chosen[n]], one) for n, one in zip(own, chance, strict=True)])
        return torch.cat([x for some in found for x, _ in some]), torch.cat([labels for _, labels in found[0]])

    yield from ahead(of_step, range(first, settings.steps))


@torch.inference_mode()
def confusions(net: Classifier, side: Side, classes: int, batch: int) -> Tensor:
    """How often each class was called each, (K, K), of tested pictures or of their pixels."""
    total = torch.zeros(classes, classes, dtype=torch.long)

    def made(start: int) -> tuple[Tensor, Tensor]:
        found = [side.piece(n, None) for n in side.tested[start : start + batch]]
        return torch.cat([x for x, _ in found]), torch.cat([labels for _, labels in found])

    for x, labels in ahead(made, range(0, len(side.tested), batch)):
        said = net(x.to(net.mean.device, memory_format=torch.channels_last)).argmax(1).cpu()
        known = labels != NONE
        total += (labels[known] * classes + said[known]).bincount(minlength=classes**2).view(classes, classes)
    return total


def recalls(confusion: Tensor) -> Tensor:
    """The part of each class that is called so; nan where there is none of it."""
    return confusion.diag().double() / confusion.sum(1)


def overlaps(confusion: Tensor) -> Tensor:
    """Intersection over union of each class; nan where there is none of it on either side."""
    right = confusion.diag().double()
    return right / (confusion.sum(0) + confusion.sum(1) - right)


def fresh(settings: Adapt, classes: int, seed: int) -> Classifier:
    """The network of some settings, with first weights by the seed or a file.

    Raises:
        ValueError: there is no such network or file, or they do not fit.
    """
    segments = settings.what == "segments"
    net = network.build(settings.model, classes, settings.size, seeded(seed, 1), segments=segments)
    if settings.begin_from:
        network.begin(net, settings.begin_from)
    return net
