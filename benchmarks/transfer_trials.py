"""Why the methods do what they do: one change at a time, and controls that must fail, on drawn faces of 32 px.

    uv run python benchmarks/transfer_trials.py --keep FOLDER --only defaults [--methods mask ...] [--seeds 11]
    uv run python benchmarks/transfer_trials.py --keep FOLDER --only published [--seeds 11 12 13]
    uv run python benchmarks/transfer_trials.py --keep FOLDER --only controls [--seeds 11 12 13]
    uv run python benchmarks/transfer_trials.py --keep FOLDER --only few [--seeds 11 12 13]

`defaults` takes single settings of a method back to what they were before. `published` is about intersection, which did
not transfer with the published weights in the trial of the method notes: ours, ours with one setting after another as
published, all of these as published, and that without one after another; step size, its fall and how pictures are
changed by chance stay ours. `controls` are ways to fail: networks that learned nothing, content thrown away, guides in
the wrong order, and sides that nothing hides with room for a face in the code of content. `few` is what people bring
first: 300 grey pictures, a quarter of them with glasses.

What is in FOLDER is not done again. Seeds are others than those of `benchmarks/transfer.py`, and so are the faces.
"""

import argparse
import copy
import dataclasses
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gestalt.drawn.faces import Drawn
from gestalt.run.device import use_threads
from gestalt.tasks.transfer import exact, grow, model
from gestalt.tasks.transfer.codes import Transfer
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.exact import Exam, Questions
from gestalt.tasks.transfer.model import SETTINGS
from gestalt.tasks.transfer.pictures import Side, as_bytes, as_images

SIZE, PICTURES, PAIRS = 32, 2000, 256

Change = dict[str, Any]

DEFAULTS: dict[str, Change] = {
    "ours": {},
    "nothing there and back": {"returned": 0.0, "carried": 0.0},
    "confusion .05, one-sided": {"confusion": 0.05, "one_sided": True},
    "the critic learns from one step": {"memory": 1},
    "normalised by itself, codes not": {"norm": "instance", "last_norm": False},
    "codes not normalised": {"last_norm": False},
    "no average of weights": {"average": 0.0},
    "pictures neither moved nor lit": {"shift": 0.0, "light": 0.0},
    "content read where it is": {"apart": 0.0},
    "one size": {"coarse": 0.0},
    "one size, no blocks": {"fold": 1, "width": 16, "cool": 0.5},
}

WHOLE: dict[str, Change] = {"absolute differences": {"reconstruction": "absolute"}}
"""Of methods whose one decoder paints the whole picture, besides."""

FEW: dict[str, Change] = {
    "ours": {},
    "the critic learns from one step": {"memory": 1},
    "stopped early": {"patience": 8},
    "neither moved nor lit": {"shift": 0.0, "light": 0.0},
    "neither, stopped early": {"shift": 0.0, "light": 0.0, "patience": 8},
}

AS_PUBLISHED: dict[str, Change] = {
    "no blocks": {"fold": 1, "width": 16},
    "normalised by itself": {"norm": "instance"},
    "spectral norms": {"spectral": True, "fold": 1, "width": 16},
    "zero 1": {"zero": 1.0},
    **WHOLE,
    "confusion .001, one-sided, one step": {"confusion": 0.001, "ramp": 0.0, "one_sided": True, "memory": 1},
    "nothing there and back": {"returned": 0.0, "carried": 0.0},
    "no average of weights": {"average": 0.0},
}
"""Of the intersection method: what was changed, back to what it was."""


def main() -> None:
    """Do what was not done yet, then print all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--only", required=True, choices=["defaults", "published", "controls", "few"])
    parser.add_argument("--methods", nargs="+", default=["mask", "disentangle", "intersection"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    use_threads(asked.threads)
    lines = asked.keep / f"{asked.only}.jsonl"
    for seed in asked.seeds:
        for method in asked.methods if asked.only != "published" else ["intersection"]:
            for name, change in changes(asked.only, method).items():
                key = {"method": method, "trial": name, "seed": seed, "steps": asked.steps}
                if not any(key.items() <= line.items() for line in written(lines)):
                    begun = time.perf_counter()
                    if asked.only == "controls":
                        net, exam = CONTROLS[name](method, seed=seed, steps=asked.steps)
                    else:
                        net, exam = fitted(method, change, seed=seed, steps=asked.steps, few=asked.only == "few")
                    others = type(exam)(*exact.exam(PAIRS, SIZE, seed=2000, two=exam.moustaches is not None))
                    found = figures(net, exam, others) | {"seconds": round(time.perf_counter() - begun)}
                    with lines.open("a") as file:
                        file.write(json.dumps(key | found) + "\n")
                    print(json.dumps(key | found), flush=True)
    table(written(lines))


def changes(what: str, method: str) -> dict[str, Change]:
    """Of each trial of a method its name and settings."""
    if what == "published":
        every = merged(AS_PUBLISHED)
        less = {
            f"published without {name}": merged({key: change for key, change in AS_PUBLISHED.items() if key != name})
            for name in AS_PUBLISHED
        }
        less = {name: change for name, change in less.items() if change != every}  # spectral norms need no blocks
        return {"ours": {}, **AS_PUBLISHED, "published": every, **less}
    single = DEFAULTS | (WHOLE if method != "mask" else {})
    return {"defaults": single, "few": FEW, "controls": {name: {} for name in CONTROLS}}[what]


def merged(changes: dict[str, Change]) -> Change:
    """All of some changes."""
    return {key: value for change in changes.values() for key, value in change.items()}


def fitted(method: str, change: Change, *, seed: int, steps: int, few: bool = False) -> tuple[Transfer, Exam]:
    """A method that has learned, and what to ask it; intersection's two sides are glasses and moustaches."""
    two = method == "intersection"
    settings = changed(SETTINGS[method](size=SIZE, steps=max(1, steps)), **change)
    content, plain = exact.sides(PICTURES, SIZE, seed=seed, two=two)
    asked = exact.exam(PAIRS, SIZE, seed=1000 + seed, two=two)
    if few:
        content, plain = (
            Side(
                as_bytes(grey(as_images(side.learned[:count]))), as_bytes(grey(as_images(side.held_out[: count // 8])))
            )
            for side, count in ((content, 75), (plain, 225))
        )
        asked = Grey(*asked)
    build = functools.partial(model.fresh, seed=seed)
    if steps:
        net = grow.learn(build, content, plain, settings, seed=seed, device=torch.device("cpu"))
    else:
        net = build(settings).eval()
    return net, asked


def changed(settings: Fit, **change: Any) -> Fit:
    """Settings with some others, those of groups too, by their names alone."""
    for name in ("networks", "hiding"):
        group = getattr(settings, name)
        inner = {key: change.pop(key) for key in list(change) if hasattr(group, key)}
        change[name] = dataclasses.replace(group, **inner)
    return dataclasses.replace(settings, **change)


def grey(pictures: Tensor) -> Tensor:
    """(N, 3, S, S) with three equal channels."""
    return pictures.mean(1, keepdim=True).expand_as(pictures)


class Grey(Exam):
    """Questions about grey pictures."""

    def target(self) -> Tensor:
        """See `Exam`."""
        return grey(super().target())

    def source(self) -> Drawn:
        """See `Exam`."""
        drawn = super().source()
        return drawn._replace(image=grey(drawn.image))

    def guide(self) -> Tensor:
        """See `Exam`."""
        return grey(super().guide())

    def answer(self, order: Tensor | None = None) -> Drawn:
        """See `Exam`."""
        drawn = super().answer(order)
        return drawn._replace(image=grey(drawn.image))

    def mean_answer(self) -> Tensor:
        """See `Exam`."""
        return grey(super().mean_answer())

    def bare(self) -> Tensor:
        """See `Exam`."""
        return grey(super().bare())

    def swapped(self) -> Drawn:
        """See `Exam`."""
        drawn = super().swapped()
        return drawn._replace(image=grey(drawn.image))


def figures(net: Transfer, asked: Questions, known: Questions) -> dict[str, float]:
    """What the bars are about; thresholds of masks are the best for others whose truth is known."""
    found = exact.measure(net, asked) | exact.measure_masks(net, asked, exact.best_threshold(net, known))
    return {
        "in/identity": round(found["in"] / found["in_identity"], 3),
        "in/wrong": round(found["in"] / found["in_wrong_guide"], 3),
        "retrieval": round(found["retrieval"], 3),
        "remove/input": round(found["remove_in"] / found["remove_in_identity"], 3),
        "out": round(found["out"], 3),
        "IoU": round(found["mask_iou"], 3),
        "leakage": round(found["leakage"], 3),
    }


class Misguided(Exam):
    """Questions whose guides come in the wrong order."""

    def guide(self) -> Tensor:
        """See `Exam`."""
        return super().guide().roll(5, 0)


class Silent(torch.nn.Module):
    """An encoder of content that always says nothing."""

    def __init__(self, heard: torch.nn.Module) -> None:
        super().__init__()
        self.heard = heard

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.zeros_like(self.heard(x))


learned = functools.cache(functools.partial(fitted, change={}))
"""What the defaults come to, learned once for all that is made of it."""


def untrained(method: str, *, seed: int, steps: int) -> tuple[Transfer, Exam]:
    """First weights."""
    del steps
    return fitted(method, {}, seed=seed, steps=0)


def thrown_away(method: str, *, seed: int, steps: int) -> tuple[Transfer, Exam]:
    """Content is read and not used."""
    net, asked = learned(method, seed=seed, steps=steps)
    net = copy.deepcopy(net)
    net.separate = torch.nn.ModuleList(Silent(one) for one in net.separate)
    return net, asked


def misguided(method: str, *, seed: int, steps: int) -> tuple[Transfer, Exam]:
    """Guides come in the wrong order."""
    net, asked = learned(method, seed=seed, steps=steps)
    return net, Misguided(*asked)


CONTROLS: dict[str, Callable[..., tuple[Transfer, Exam]]] = {
    "ours": learned,
    "nothing learned": untrained,
    "content thrown away": thrown_away,
    "guides in the wrong order": misguided,
    "nothing hides the side, wide content": functools.partial(fitted, change={"confusion": 0.0, "separate": 48}),
}
"""Ways to fail, and, first, what must not: a method's name, seed and steps -> networks and what to ask them."""


def written(lines: Path) -> list[dict[str, Any]]:
    """What is there."""
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


def table(lines: list[dict[str, Any]]) -> None:
    """Mean of the seeds of every trial, which stand in brackets beside the first figure."""
    heads = [name for name in lines[0] if name not in ("method", "trial", "seed")]
    print(f"| method | trial | seeds | {' | '.join(heads)} |\n|" + "---|" * (len(heads) + 3))
    for method, name, steps in dict.fromkeys((line["method"], line["trial"], line["steps"]) for line in lines):
        some = [line for line in lines if (line["method"], line["trial"], line["steps"]) == (method, name, steps)]
        cells = [f"{sum(line[head] for line in some) / len(some):.3g}" for head in heads]
        cells[1] += f" ({', '.join(str(line[heads[1]]) for line in some)})"
        print(f"| {method} | {name} | {len(some)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
