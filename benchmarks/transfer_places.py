"""Where glasses come to lie on drawn faces, and whose eyes that depends on.

    uv run python benchmarks/transfer_places.py RUN ...

Each RUN is one of `gestalt transfer test`, as benchmarks/transfer.py keeps them. It is asked 256 pairs that it has not
seen, and the centre of what an addition changes is compared with that of the right answer, in pixels:

    off             deviation of the difference
    guide, target   what the difference changes per pixel by which the guide's and the target's eyes lie elsewhere in
                    their pictures, by least squares: 0 and 0 where glasses come to lie on the target's eyes, 1 and -1
                    where they stay where the guide had them
    height, eyes    the target's, split: how low its face is, and how low the eyes are in it
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from gestalt.drawn import faces
from gestalt.drawn.faces import People
from gestalt.run import record
from gestalt.tasks.transfer import edits, exact, model

PAIRS, VISIBLE = 256, 0.08
"""How many are asked; change of a pixel, in pictures in [-1, 1], from which it counts."""


def main() -> None:
    """Print a line for every run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="+", type=Path)
    print("| run | across: off | guide | target | up or down: off | guide | target | height | eyes |")
    print("|---" * 9 + "|")
    for run in parser.parse_args().runs:
        print(f"| {run.parent.name}/{run.name} | {' | '.join(f'{value:.2f}' for value in places(run))} |", flush=True)


def places(run: Path) -> list[float]:
    """The figures of a run, as in the head of the table."""
    net, settings, _ = model.load(run, "cpu")
    seed = record.read(run)["seed"]
    asked = exact.exam(PAIRS, settings.size, seed=seed + 1000)
    target, right = asked.target(), asked.answer().image
    given = exact.in_chunks(net, lambda t, g: edits.add(net, t, g).image, target, asked.guide())
    away = centres(given, target) - centres(right, target)
    guides = faces.pick(asked.content, torch.arange(PAIRS).roll(1))
    found = []
    for axis in (0, 1):
        theirs, own = (eyes(people)[:, axis] * settings.size for people in (guides, asked.plain))
        found += [float(away[:, axis].std()), *slopes(away[:, axis], theirs, own)]
        if axis:
            height = asked.plain.centre[:, 1] * settings.size
            found += slopes(away[:, 1], height, own - height)
    return found


def centres(one: Tensor, base: Tensor) -> Tensor:
    """(N, 2) in pixels, x and y: the centre of where pictures (N, 3, S, S) differ visibly."""
    change = (one - base).abs().mean(1)
    change = change * (change > VISIBLE)
    at, whole = torch.arange(one.shape[3]).float(), change.sum((1, 2)).clamp_min(1e-6)
    return torch.stack([(change.sum(1) * at).sum(1), (change.sum(2) * at).sum(1)], 1) / whole[:, None]


def eyes(people: People) -> Tensor:
    """(N, 2): the middle of the eyes, x and y, in parts of the picture's side."""
    return torch.stack([people.centre[:, 0], people.centre[:, 1] - people.eyes[:, 1] * people.half[:, 1]], 1)


def slopes(away: Tensor, *causes: Tensor) -> list[float]:
    """What (N,) numbers change with each of some others, by least squares."""
    table = torch.stack([*causes, torch.ones_like(away)], 1)
    return torch.linalg.lstsq(table, away[:, None]).solution[: len(causes), 0].tolist()


if __name__ == "__main__":
    main()
