"""Training the network to tell normal from sped-up.

Binary cross-entropy over batches that hold both clips of every pair, by AdamW with a rate that warms up and falls
as a cosine; what is kept is the running average of the weights. The batch of a step depends on the seed and the
number of the step alone, so a run that was stopped goes on with the very batches it would have seen.

    l(x, y) = softplus((1 - 2 y) logit(x))        y = 1 for sped-up

Under `torchrun` every process takes its share of the pairs of each step, and gradients are averaged.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (pairs in one batch, one size for a clip; the optimiser is ours, theirs is not known).
    Loshchilov, Hutter: Decoupled Weight Decay Regularization. ICLR 2019.
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
from gestalt.nn.learning import Parallel, schedule
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.speed.clips import Pair, Source, as_input
from gestalt.tasks.speed.config import Train
from gestalt.tasks.speed.speednet import SpeedNet

FIRST_TESTED = 2**30
"""Number of the first pair that is for testing; training takes those below."""


class Batch(NamedTuple):
    """Clips of both classes.

    clips: (B, 3, T, H, W) in [-1, 1].
    sped_up: (B,) 0 or 1.
    """

    clips: Tensor
    sped_up: Tensor


def fit(
    source: Source,
    settings: Train,
    *,
    seed: int,
    device: torch.device,
    begin: SpeedNet | None = None,
    run: NullRun = NullRun(),
) -> SpeedNet:
    """Train a network; what comes back is the average, ready to judge.

    Args:
        source: of pairs.
        settings: of training.
        seed: of the weights and of the sizes of clips.
        device: that computes.
        begin: whose weights to begin with, of the same trunk.
        run: takes the loop.
    """
    net = SpeedNet(settings.trunk, torch.Generator().manual_seed(seed))
    net = net.to(device).to(memory_format=torch.channels_last_3d)
    if begin is not None:
        net.load_state_dict(begin.state_dict())
    average = copy.deepcopy(net).requires_grad_(False)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.lr, weight_decay=settings.decay)
    state = {"net": net, "average": average, "optimiser": optimiser}
    learner = Parallel(net)
    net.train()
    steps = run.steps("train", settings.steps, state)
    made: Iterator[Batch] | None = None
    for step in steps:
        if made is None:
            made = batches(source, settings, seed=seed, first=step)
        clips, sped_up = (tensor.to(device) for tensor in next(made))
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * schedule(step, settings.steps, settings.warm_up)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            logits = learner(clips.contiguous(memory_format=torch.channels_last_3d))
        loss = F.binary_cross_entropy_with_logits(logits.float(), sped_up)
        loss.backward()
        optimiser.step()
        follow(average, net, min(settings.average, (step + 1) / (step + 10)))
        right = ((logits > 0) == (sped_up > 0.5)).float().mean()
        run.log(step, loss=float(loss.detach()), accuracy=float(right))
    return average.eval()


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies numbers of 16 bits faster than those of 32: GPUs and newer server CPUs do."""
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def batches(source: Source, settings: Train, *, seed: int, first: int = 0) -> Iterator[Batch]:
    """The batches of steps `first`, `first` + 1 and so on, made ahead by other threads.

    Raises:
        ValueError: the source does, of a damaged video.
    """
    rank, count = int(os.environ.get("RANK", "0")), share(settings)

    def make(step: int) -> Batch:
        chance = np.random.default_rng((seed, step, 17))
        side = 4 * int(chance.integers(math.ceil(settings.least / 4), settings.most // 4 + 1))
        begin = step * settings.pairs + rank * count
        return batch([source.pair(n % FIRST_TESTED, settings.frames, side) for n in range(begin, begin + count)])

    yield from ahead(make, itertools.count(first))


def share(settings: Train) -> int:
    """How many pairs of a step each process takes.

    Raises:
        ValueError: they cannot be shared evenly.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.pairs % ranks:
        raise ValueError(f"--pairs {settings.pairs} cannot be shared by {ranks} processes: give a multiple of {ranks}")
    return settings.pairs // ranks


def batch(pairs: Sequence[Pair]) -> Batch:
    """Pairs as one batch, both clips of each beside each other; smaller clips are the measure, cut about the middle."""
    clips = [clip for pair in pairs for clip in pair]
    height, width = (min(clip.shape[axis] for clip in clips) for axis in (1, 2))
    cut = [
        clip[:, (clip.shape[1] - height) // 2 :, (clip.shape[2] - width) // 2 :][:, :height, :width] for clip in clips
    ]
    return Batch(torch.cat([as_input(clip, 1) for clip in cut]), torch.tensor([0.0, 1.0]).repeat(len(pairs)))


class Answers(NamedTuple):
    """What a network said of pairs, and how well that tells the classes apart.

    accuracy: of both classes, with 0 as the threshold.
    ranked: part of the pairs whose sped-up clip has the larger logit.
    logits: (N, 2) normal and sped-up.
    """

    accuracy: float
    ranked: float
    logits: Tensor


@torch.no_grad()
def told_apart(
    net: SpeedNet, source: Source, *, count: int, frames: int, side: int, first: int = FIRST_TESTED
) -> Answers:
    """Ask about pairs that were not trained on.

    Args:
        net: ready to judge.
        source: of pairs.
        count: of pairs.
        frames, side: of their clips.
        first: number of the first pair.
    """
    device, found = net.bias.device, []
    for begin in range(first, first + count, 8):
        some = batch([source.pair(n, frames, side) for n in range(begin, min(begin + 8, first + count))])
        found.append(net(some.clips.to(device)).float().cpu().view(-1, 2))
    logits = torch.cat(found)
    right = ((logits[:, 0] < 0).float().mean() + (logits[:, 1] > 0).float().mean()) / 2
    return Answers(float(right), float((logits[:, 1] > logits[:, 0]).float().mean()), logits)
