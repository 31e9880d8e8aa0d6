"""Learning to tell classes, with or without swapping statistics between the pictures of a batch.

    L = - mean over the batch of log softmax(f(x))_y

and with AugMix, for the three copies x0, x1, x2 of each picture and the mean M of what is said of them, on x0 alone and

    + 12 mean of KL(p_i || M)

f with swaps of statistics (`nn.statswap`) after some of its layers, in training alone. The batch of a step, what is
done to its pictures, the coins of swaps and all other chance depend on the seed and the step alone. Under
`torchrun` every process takes its share of the pictures of each step, swaps within it, and gradients are averaged.

References:
    Nuriel, Benaim, Wolf: Permuted AdaIN - Reducing the Bias Towards Global Statistics in Image Classification. CVPR
        2021.
    Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan: AugMix - A Simple Data Processing Method to Improve
        Robustness and Uncertainty. ICLR 2020 (the loss of copies).
"""

import copy
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.nn.average import follow
from gestalt.nn.learning import Parallel, turns
from gestalt.ops.chance import seeded
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.classify import network, tables
from gestalt.tasks.classify.config import Train
from gestalt.tasks.classify.dataset import DataSet, Labelled
from gestalt.tasks.classify.evaluate import accuracies, ask
from gestalt.tasks.classify.network import Classifier
from gestalt.tasks.classify.pictures import Shelf, changed, mixed
from gestalt.tasks.classify.training import (
    autocast,
    optimiser_of,
    schedule,
    seeded_step,
    share,
    stepped,
    swaps,
)

COPIES, ALIKE = 2, 12.0
"""More copies by AugMix, and the weight of judging all alike."""


class Batch(NamedTuple):
    """Pictures and what they show.

    x: (B, 3, S, S) in [-1, 1].
    labels: (B,) classes.
    domains: (B,) numbers of domains, 0 where there are none.
    """

    x: Tensor
    labels: Tensor
    domains: Tensor


def fresh(settings: Train, classes: int, seed: int) -> Classifier:
    """The network of some settings, with first weights by the seed or a file.

    Raises:
        ValueError: there is no such network or file, or they do not fit.
    """
    net = network.build(settings.model, classes, settings.size, seeded(seed, 1))
    if settings.begin_from:
        network.begin(net, settings.begin_from)
    return net


def make(
    found: DataSet,
    net: Classifier,
    settings: Train,
    *,
    seed: int,
    device: torch.device,
    shelf: Shelf | None = None,
    run: NullRun = NullRun(),
) -> Classifier:
    """Train, keep weights/classifier.safetensors, and say how well what was set aside is named.

    Args:
        found: what to learn from and to test with.
        net: from `fresh`.
        settings: of training.
        seed: of all chance.
        device: that computes.
        shelf: of the pictures, if some were read.
        run: takes the loop, and keeps classes.csv, confusion.csv, predictions.csv and the measures.
    """
    shelf = shelf or Shelf(settings.size)
    net = fit(found.train, net, settings, seed=seed, device=device, domains=found.domains, shelf=shelf, run=run)
    run.save("classifier", net.state_dict())
    said = ask(net, found.test, settings, shelf=shelf, batch=settings.batch)
    tables.keep(found.classes, found.test, said, run=run)
    measures = accuracies(found.test, said)
    run.measure(**measures, classes=len(found.classes), train=len(found.train), test=len(found.test))
    run.say(f"top-1 {measures['top1']:.1%} of {len(found.test)} pictures; chance is {1 / len(found.classes):.1%}")
    return net


def fit(
    items: Sequence[Labelled],
    net: Classifier,
    settings: Train,
    *,
    seed: int,
    device: torch.device,
    domains: Sequence[str] = (),
    shelf: Shelf | None = None,
    run: NullRun = NullRun(),
) -> Classifier:
    """Train a network; what comes back is it or its average, ready to judge, without swaps."""
    net = net.to(device).to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(net).requires_grad_(False) if settings.average else None
    handle = swaps(net, settings.swapping, run=run)
    optimiser = optimiser_of(net, settings)
    learner = Parallel(net)
    steps = count_of_steps(len(items), settings)
    state = {"net": net, "optimiser": optimiser} | ({"average": average} if average is not None else {})
    made: Iterator[Batch] | None = None
    for step in run.steps("train", steps, state):
        if made is None:
            made = batches(items, settings, seed=seed, domains=domains, shelf=shelf or Shelf(settings.size), first=step)
        x, labels, groups = next(made)
        with seeded_step(seed, step, handle, device):
            if settings.augment == "augmix":
                x = torch.cat([x, *(mixed(x) for _ in range(COPIES))])
            copies = len(x) // len(labels)
            labels = labels.to(device)
            if handle is not None:
                by = labels if settings.swapping.partner == "cross_class" else groups.to(device)
                handle.set_groups(by.repeat(copies))
            with autocast(device):
                logits = learner(x.to(device, memory_format=torch.channels_last))
            loss, right = losses(logits.float(), labels)
            stepped(net, optimiser, loss, settings.lr * schedule(step, steps, settings), settings)
        if average is not None:
            follow(average, net, min(settings.average, (step + 1) / (step + 10)))
        run.log(step, loss=float(loss.detach()), accuracy=float(right))
    if handle is not None:
        handle.remove()
    return (net if average is None else average).requires_grad_(False).eval()


def losses(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of (N, K) logits of B pictures and copies of them, and the part of the B that are named right."""
    own = logits[: len(labels)]
    loss, right = F.cross_entropy(own, labels), (own.argmax(1) == labels).float().mean()
    if len(logits) > len(labels):
        said = logits.log_softmax(1).view(-1, *own.shape)
        mean = said.exp().mean(0).clamp(1e-7, 1).log()
        loss = loss + ALIKE * (said.exp() * (said - mean)).sum(2).mean()
    return loss, right


def count_of_steps(count: int, settings: Train) -> int:
    """So many that every picture comes `epochs` times, the last batch being filled."""
    return math.ceil(settings.epochs * count / settings.batch)


def batches(
    items: Sequence[Labelled],
    settings: Train,
    *,
    seed: int,
    domains: Sequence[str] = (),
    shelf: Shelf,
    first: int = 0,
) -> Iterator[Batch]:
    """The batches of steps `first`, `first` + 1 and so on, made ahead by other threads.

    Raises:
        ValueError: a picture cannot be read.
    """
    rank, count = int(os.environ.get("RANK", "0")), share(settings)
    number = {name: n for n, name in enumerate(domains)}

    def of_step(step: int) -> Batch:
        chosen = [items[n] for n in turns(len(items), seed, step, settings.batch)]
        own = range(rank * count, (rank + 1) * count)
        x = [
            changed(shelf.read(chosen[n].path), settings.size, settings.augment, np.random.default_rng((seed, step, n)))
            for n in own
        ]
        labels = torch.tensor([chosen[n].label for n in own])
        return Batch(torch.cat(x), labels, torch.tensor([number.get(chosen[n].domain, 0) for n in own]))

    yield from ahead(of_step, itertools.count(first))
