"""What training and adapting share: swaps, how the step size falls, one seed for each step."""

import contextlib
import os
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gestalt.nn import learning
from gestalt.nn.statswap import Handle, apply_statswap
from gestalt.ops.chance import seeded
from gestalt.run.service import NullRun
from gestalt.tasks.classify.config import Learning, Swapping
from gestalt.tasks.classify.network import Classifier

MOMENTUM, POWER = 0.9, 0.9


def swaps(net: Classifier, settings: Swapping, *, run: NullRun = NullRun()) -> Handle | None:
    """The swaps of a network that is to be trained; None for none.

    Args:
        net: to be trained.
        settings: of swapping.
        run: is told of what is unwise.

    Raises:
        ValueError: `--swap-layers` means no module.
    """
    if settings.swap == "none":
        return None
    with warnings.catch_warnings(record=True) as unwise:
        warnings.simplefilter("always")
        try:
            handle = apply_statswap(
                net.net, settings.swap, p=settings.p, layers=settings.layers, partner=settings.partner, seed=0
            )
        except ValueError as error:
            raise ValueError(f"--swap-layers: {error}") from error
    for warning in unwise:
        run.say(f"warning: {warning.message}")
    return handle


def check_swaps(net: Classifier, settings: Swapping) -> None:
    """See before there is a run that statistics can be swapped.

    Raises:
        ValueError: as `swaps`.
    """
    handle = swaps(net, settings)
    if handle is not None:
        handle.remove()


def optimiser_of(net: nn.Module, settings: Learning) -> torch.optim.Optimizer:
    """SGD or AdamW, at the step size's highest."""
    if settings.optimiser == "adamw":
        return torch.optim.AdamW(net.parameters(), lr=settings.lr, weight_decay=settings.decay)
    return torch.optim.SGD(
        net.parameters(), lr=settings.lr, momentum=MOMENTUM, nesterov=True, weight_decay=settings.decay
    )


def schedule(step: int, steps: int, settings: Learning) -> float:
    """What the step size is multiplied by: from 0 to 1 over a part of the steps, then down."""
    done, begin = (step + 1) / steps, settings.warm_up
    if done < begin or settings.fall == "cosine":
        return learning.schedule(step, steps, begin)
    if settings.fall == "steps":
        return settings.factor ** sum(step >= drop * steps for drop in settings.drops)
    return max(1 - (done - begin) / max(1 - begin, 1e-9), 0.0) ** POWER


def stepped(net: nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor, rate: float, settings: Learning) -> None:
    """One step of an optimiser down the gradient of a loss.

    Raises:
        ValueError: the loss is no number.
    """
    if not bool(loss.isfinite()):
        raise ValueError(
            "the loss is no number any more, training diverged: begin anew with a smaller --lr or --clip 1"
        )
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    if settings.clip:
        nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
    optimiser.step()


@contextlib.contextmanager
def seeded_step(seed: int, step: int, handle: Handle | None, device: torch.device) -> Iterator[None]:
    """All chance of one step, of swaps and of what draws from torch's own generators, by the seed, step and process.

    So a run that was stopped goes on as it would have, without any state of chance being kept.
    """
    rank = int(os.environ.get("RANK", "0"))
    if handle is not None:
        handle.set_state(seeded(seed, step, rank, 3).get_state())
    number = int(torch.randint(2**62, (), generator=seeded(seed, step, rank, 5)))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(number)
        if device.type == "cuda":
            torch.cuda.manual_seed(number)
        yield


def share(settings: Learning) -> int:
    """How many pictures of a step each process takes.

    Raises:
        ValueError: they cannot be shared evenly.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.batch % ranks or settings.batch < 2 * ranks:
        raise ValueError(
            f"--batch {settings.batch} cannot be shared by {ranks} processes: give a multiple of {ranks}, at least "
            f"{2 * ranks}"
        )
    return settings.batch // ranks


def autocast(device: torch.device) -> torch.autocast:
    """16 bits where they are faster by far: on GPUs."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
