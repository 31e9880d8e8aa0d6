"""Naming actions: the trunk that has learned speed, a new linear head, and everything trained on.

    logits(x) = W e(x) + b        e(x) as in `embedding`

Cross-entropy over clips of T frames at 25 a second from a random moment of a video, of which one random square is cut
out, mirrored or not, the same for all frames; AdamW with a rate that warms up and falls as a cosine. The batch of a
step depends on the seed and the number of the step alone, and every video comes once before any comes again. In tests
the probabilities of several clips, evenly spaced over a video, are averaged, each the square in the middle.

Beside the result stand nulls: chance, always naming the class that is trained with most, and naming that of the
training video whose colours are most alike, in histograms of the same clips.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (the transfer; how it is optimised is ours, theirs is not known).
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from gestalt.media import video
from gestalt.nn.learning import schedule, turns
from gestalt.run.ahead import ahead
from gestalt.run.service import NullRun
from gestalt.tasks.speed import action_tables
from gestalt.tasks.speed.actions import Actions, Labelled
from gestalt.tasks.speed.clips import Clip, as_input
from gestalt.tasks.speed.config import Finetune
from gestalt.tasks.speed.embedding import padded
from gestalt.tasks.speed.footage import RATE, duration, stretch
from gestalt.tasks.speed.nulls import colours
from gestalt.tasks.speed.speednet import SpeedNet

MARGIN = 8 / 7
"""Shorter side of the frames, as a part of the side of the square that is cut out: 256 to 224 pixels."""


class Recogniser(nn.Module):
    """(B, 3, T, H, W) in [-1, 1] -> (B, K): logits of actions.

    Args:
        net: whose trunk is used, and trained from now on; its head stays as it is.
        count: K.
        generator: of the new head's weights.
    """

    def __init__(self, net: SpeedNet, count: int, generator: Generator) -> None:
        super().__init__()
        self.net, channels = net, len(net.weight)
        net.trunk.requires_grad_(True)
        for weight in (net.weight, net.bias):
            weight.requires_grad_(False)
        self.weight = nn.Parameter(torch.randn(count, channels, generator=generator) / channels**0.5)
        self.bias = nn.Parameter(torch.zeros(count))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return F.linear(self.net.embed(x), self.weight, self.bias)


class Batch(NamedTuple):
    """Clips of actions.

    clips: (B, 3, T, side, side) in [-1, 1].
    labels: (B,).
    """

    clips: Tensor
    labels: Tensor


class Asked(NamedTuple):
    """What a model says of the videos that it is tested with.

    probabilities: (N, K).
    nearest: (N,) class of the training video of the most alike colours.
    """

    probabilities: Tensor
    nearest: Tensor


def make(
    found: Actions, net: SpeedNet, settings: Finetune, *, seed: int = 0, device: torch.device, run: NullRun = NullRun()
) -> dict[str, float]:
    """Learn to name actions, keep weights/actions.safetensors, and say how well it is done.

    Args:
        found: what to train and to test with.
        net: from `embedding.starting_weights`; it is trained on.
        settings: of training and testing.
        seed: of all chance.
        device: that computes.
        run: takes the loops, and keeps classes.csv, confusion.csv, predictions.csv and the measures.

    Returns:
        The measures: top1, top5 and the nulls, parts of the tested videos; and counts.

    Raises:
        ValueError: a video cannot be read.
    """
    model = fit(found, net, settings, seed=seed, device=device, run=run)
    run.save("actions", model.state_dict())
    asked = ask(model, found, settings, run=run)
    measures = action_tables.keep(found, asked.probabilities, asked.nearest, run)
    measures["clips"] = settings.clips
    run.measure(**measures)
    run.say(
        f"top-1 {measures['top1']:.1%} and top-5 {measures['top5']:.1%} of {len(found.test)} videos; by colours "
        f"{measures['colours']:.1%}, the largest class {measures['largest']:.1%}, chance {measures['chance']:.1%}"
    )
    return measures


def fit(
    found: Actions, net: SpeedNet, settings: Finetune, *, seed: int = 0, device: torch.device, run: NullRun = NullRun()
) -> Recogniser:
    """Train everything; what comes back is ready to judge. See `make`."""
    model = Recogniser(net, len(found.classes), torch.Generator().manual_seed(seed)).to(device)
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=settings.lr, weight_decay=settings.decay)
    model.train()
    made: Iterator[Batch] | None = None
    for step in run.steps("train", settings.steps, {"model": model, "optimiser": optimiser}):
        if made is None:
            made = batches(found.train, settings, seed=seed, first=step)
        clips, labels = (tensor.to(device) for tensor in next(made))
        for group in optimiser.param_groups:
            group["lr"] = settings.lr * schedule(step, settings.steps, settings.warm_up)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(clips)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        optimiser.step()
        run.log(step, loss=float(loss.detach()), accuracy=float((logits.argmax(1) == labels).float().mean()))
    return model.eval()


def batches(videos: Sequence[Labelled], settings: Finetune, *, seed: int, first: int = 0) -> Iterator[Batch]:
    """The batches of steps `first`, `first` + 1 and so on, made ahead by other threads.

    Raises:
        ValueError: a video cannot be read.
    """

    def of_step(step: int) -> Batch:
        chance = np.random.default_rng((seed, step, 19))
        chosen = [videos[n] for n in turns(len(videos), seed, step, settings.batch)]
        clips = [learned_clip(one.path, settings.frames, settings.side, chance) for one in chosen]
        return Batch(torch.cat(clips), torch.tensor([one.label for one in chosen]))

    yield from ahead(of_step, itertools.count(first))


def learned_clip(path: Path, count: int, side: int, chance: np.random.Generator) -> Tensor:
    """A square out of some moment of a video, mirrored or not: (1, 3, T, side, side) in [-1, 1].

    Raises:
        ValueError: the video cannot be read.
    """
    begin = float(chance.uniform(0, last_begin(path, count)))
    x = as_input(clip_at(path, begin, count, side), side)
    down, right = (int(chance.integers(0, n - side + 1)) for n in x.shape[3:])
    x = x[..., down : down + side, right : right + side]
    return x.flip(4) if chance.random() < 0.5 else x


def tested_clips(path: Path, settings: Finetune) -> Iterator[Clip]:
    """Clips evenly spaced over a video, from its first one to its last, (T, H, W, 3) uint8; as many as differ.

    Raises:
        ValueError: the video cannot be read.
    """
    last = last_begin(path, settings.frames)
    begins = np.linspace(0, last, settings.clips) if settings.clips > 1 else [last / 2]
    for begin in dict.fromkeys(float(one) for one in begins):
        yield clip_at(path, begin, settings.frames, settings.side)


def clip_at(path: Path, begin: float, count: int, side: int) -> Clip:
    """`count` frames from a moment on, of which a square of `side` pixels can be cut out unless the video is smaller.

    Raises:
        ValueError: the video cannot be read.
    """
    return padded(stretch(path, begin, count, round(MARGIN * side)), count)


def last_begin(path: Path, count: int) -> float:
    """When the last clip of a video begins, in seconds; 0 where it is shorter than a clip.

    Raises:
        ValueError: the video cannot be read.
    """
    return max(0.0, duration(path, video.probe(path)) - (count + 1) / RATE)


def ask(model: Recogniser, found: Actions, settings: Finetune, *, run: NullRun = NullRun()) -> Asked:
    """Ask a model, and colours, about the videos of the test. See `make`."""
    known = seen_colours(found.train, settings, run=run)
    of = torch.tensor([one.label for one in found.train])
    asked = Asked(torch.zeros(len(found.test), len(found.classes)), torch.zeros(len(found.test), dtype=torch.long))
    made: Iterator[list[Clip]] | None = None
    for step in run.steps("test", len(found.test), {"probabilities": asked.probabilities, "nearest": asked.nearest}):
        if made is None:
            made = ahead(lambda n: [*tested_clips(found.test[n].path, settings)], range(step, len(found.test)))
        clips = next(made)
        asked.probabilities[step] = probabilities(model, clips, settings)
        asked.nearest[step] = of[(known @ mean_colours(clips)).argmax()]
    return asked


@torch.inference_mode()
def probabilities(model: Recogniser, clips: Sequence[Clip], settings: Finetune) -> Tensor:
    """What a model says of a video, from some clips of it: (K,), on the CPU."""
    device, said = model.bias.device, []
    for n in range(0, len(clips), settings.batch):
        x = torch.cat([middle(as_input(clip, settings.side), settings.side) for clip in clips[n : n + settings.batch]])
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = model(x.to(device))
        said.append(logits.float().softmax(1).cpu())
    return torch.cat(said).mean(0)


def middle(x: Tensor, side: int) -> Tensor:
    """The square in the middle of (1, 3, T, H, W)."""
    down, right = ((n - side) // 2 for n in x.shape[3:])
    return x[..., down : down + side, right : right + side]


def seen_colours(videos: Sequence[Labelled], settings: Finetune, *, run: NullRun = NullRun()) -> Tensor:
    """Of each video the mean histogram of the clips that a test would take, (N, 512)."""
    state: dict[str, Any] = {"colours": torch.zeros(len(videos), 512)}
    made: Iterator[Tensor] | None = None
    for step in run.steps("colours", len(videos), state):
        if made is None:
            made = ahead(lambda n: mean_colours([*tested_clips(videos[n].path, settings)]), range(step, len(videos)))
        state["colours"][step] = next(made)
    return state["colours"]


def mean_colours(clips: Sequence[Clip]) -> Tensor:
    """The mean of the histograms of clips, at length 1, (512,)."""
    mean = np.mean([colours(clip) for clip in clips], 0)
    return torch.from_numpy(mean / np.linalg.norm(mean))
