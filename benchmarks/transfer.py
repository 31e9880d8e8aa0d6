"""Content moved between unpaired folders: quality on drawn faces, and cost beside earlier code.

    uv run python benchmarks/transfer.py drawn --keep FOLDER [--size 32] [--methods mask ...] [--seeds 0 1 2]
    uv run python benchmarks/transfer.py table --keep FOLDER [--size 32]
    uv run python benchmarks/transfer.py cost [--threads 0]
    uv run python benchmarks/transfer.py count
    uv run python benchmarks/transfer.py forms [--threads 0] [--device cpu]

The first keeps a run for every method and seed; what is there is taken up where it stopped, and not done again. Every
seed draws other faces to learn from and others to be asked about. Further flags are those of `gestalt transfer test`,
as --width 48; `table` is of what was run with the same steps and flags. `cost` times the steps of the `paper` presets,
128 px and 32 pictures a side, in turn with steps of the published form; `count` says how many operations they have;
`forms` times ours in turn with other layouts in memory, compiled, and in bfloat16.
"""

import argparse
import dataclasses
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Semaphore
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from gestalt import cli, recipes
from gestalt.ops.chance import seeded
from gestalt.run.device import use_threads
from gestalt.run.service import NullRun
from gestalt.run.threads import available_cores
from gestalt.tasks.transfer import codes, model
from gestalt.tasks.transfer.config import Fit
from gestalt.tasks.transfer.pictures import Side, batch
from published_transfer import Published

PAPER = {
    "disentangle": recipes.transfer_disentangle,
    "intersection": recipes.transfer_intersection,
    "mask": recipes.transfer_mask,
}

RATIOS = {
    "in / identity": ("in", "in_identity"),
    "in / wrong guide": ("in", "in_wrong_guide"),
    "remove / input": ("remove_in", "remove_in_identity"),
}
"""What the bars are about, beside retrieval, out and the mask."""

SHOWN = (
    *RATIOS, "in", "in_identity", "in_wrong_guide", "in_mean_answer", "in_rebuilt", "out", "retrieval", "remove_in",
    "remove_in_identity", "swap_in", "swap_in_identity", "mask_iou", "mask_iou_best", "touched_outside",
    "remove_nothing_changed", "between_contents", "between_persons", "leakage", "leakage_of_content",
    "content_in_own_code", "classifier_accuracy", "added_called_content", "removed_called_plain",
    "translated_called_plain", "seconds",
)  # fmt: skip


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["drawn", "table", "cost", "count", "forms"])
    parser.add_argument("--keep", type=Path, default=Path("scratch/transfer"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--methods", nargs="+", default=list(PAPER), choices=list(PAPER))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--two-sided", action="store_true")
    parser.add_argument("--threads", type=int, default=0, help="0 for all")
    parser.add_argument("--device", default="cpu")
    asked, settings = parser.parse_known_args()
    if settings and asked.what not in ("drawn", "table"):
        parser.error(f"only drawn and table take {settings[0]}")
    asked.settings = settings
    if asked.what == "drawn":
        drawn(asked)
    if asked.what in ("drawn", "table"):
        table(asked)
    if asked.what == "cost":
        cost(asked.methods, asked.threads or available_cores())
    if asked.what == "forms":
        forms(asked.methods, asked.threads or available_cores(), torch.device(asked.device))
    if asked.what == "count":
        count(asked.methods)


def drawn(asked: argparse.Namespace) -> None:
    """Fit and measure every method with every seed."""
    for seed in asked.seeds:
        for method in asked.methods:
            out = _place(asked, method, seed)
            if (out / "metrics.json").exists():
                continue
            given = ["--steps", str(asked.steps), "--size", str(asked.size), "--seed", str(seed)]
            given += ["--threads", str(asked.threads), "--device", asked.device]
            new = ["transfer", "test", *given, *asked.settings, "--method", method, "--out", str(out)]
            new += ["--two-sided"] if asked.two_sided else []
            code = cli.run(["resume", str(out)] if (out / "run.json").exists() else new)
            if code:
                raise SystemExit(code)


def table(asked: argparse.Namespace) -> None:
    """Median over seeds, and from least to most, of every figure there is."""
    print(f"| {asked.size} px, median of seeds [least, most] |", " | ".join(asked.methods), "|")
    print("|---" * (len(asked.methods) + 1) + "|")
    found = {method: _found(asked, method) for method in asked.methods}
    for method, runs in found.items():
        if len(runs) < len(asked.seeds):
            print(f"of {method} {len(asked.seeds) - len(runs)} seeds were not run with these steps and flags")
    for name in SHOWN:
        print(f"| {name} |", " | ".join(_cell([run[name] for run in found[m] if name in run]) for m in found), "|")


def cost(methods: list[str], threads: int) -> None:
    """Seconds of our steps and of published ones, in turn: medians of nine after two; and operations of both."""
    print("| method | ours, s/step | published form | times as fast | times fewer operations | part of it reached |")
    print("|---|---|---|---|---|---|")
    for method in methods:
        fewer = _counted(method, published=True) / _counted(method, published=False)
        works = [partial(_steps, method, 12), partial(_published_steps, method, 12)]
        ours, theirs = in_turn(works, threads, torch.device("cpu"))
        faster = theirs / ours
        cells = [f"{value:.2f}" for value in (ours, theirs, faster, fewer, faster / fewer)]
        print(f"| {method} | {' | '.join(cells)} |", flush=True)


def count(methods: list[str]) -> None:
    """Operations of a step, forward and backward, by torch's own counter, ours and as published."""
    for method in methods:
        ours, theirs = (_counted(method, published=published) / 1e9 for published in (False, True))
        print(f"{method}: {ours:.0f} GFLOP a step, {theirs:.0f} as published")


FORMS = ("as it is", "contiguous", "channels last", "compiled", "bfloat16")


def forms(methods: list[str], threads: int, device: torch.device) -> None:
    """Seconds of a step in every form, in turn: medians of four after two."""
    print(f"| method, {device}, {threads} threads | {' | '.join(FORMS)} |")
    print("|---" * (len(FORMS) + 1) + "|")
    for method in methods:
        took = in_turn([partial(_in_form, form, method, 7) for form in FORMS], threads, device)
        print(f"| {method} | {' | '.join(f'{value:.3f}' for value in took)} |", flush=True)


def in_turn(works: Sequence[Callable[["Waiting"], None]], threads: int, device: torch.device) -> list[float]:
    """Median seconds of a step of each of several loops, which take one step each, again and again.

    The first two do not count, nor does the last, after which held-out pictures are looked at.
    """
    runs = [Waiting(device) for _ in works]

    def act(work: Callable[[Waiting], None], run: Waiting) -> None:
        use_threads(threads)
        try:
            work(run)
        finally:
            run.over = True
            run.done.release()

    with ThreadPoolExecutor(len(works)) as pool:
        results = [pool.submit(act, work, run) for work, run in zip(works, runs, strict=True)]
        while left := [run for run in runs if not run.over]:
            for run in left:
                run.go.release()
                run.done.acquire()
    for result in results:
        result.result()
    return [statistics.median(run.took[2:-1]) for run in runs]


class Waiting(NullRun):
    """Takes a step whenever it may go, notes how long that takes, and says that it is done."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.took: list[float] = []
        self.over = False
        self.go, self.done = Semaphore(0), Semaphore(0)

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        """See `NullRun.steps`."""
        del name, state
        for step in range(total):
            self.go.acquire()
            begin = time.perf_counter()
            yield step
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            self.took.append(time.perf_counter() - begin)
            if step < total - 1:
                self.done.release()


def _in_form(form: str, method: str, steps: int, run: Waiting) -> None:
    """Some steps of a `paper` preset on noise, in one of the forms."""
    settings = _paper(method, steps)
    net, side = model.fresh(settings, 0), _noise(settings.size)
    if form in ("contiguous", "channels last"):
        net.layout = torch.contiguous_format if form == "contiguous" else torch.channels_last
    if form == "compiled":
        for part in net.modules():
            if isinstance(part, codes.Encoder | codes.Decoder):
                part.compile()
    with torch.autocast(run.device.type, torch.bfloat16, enabled=form == "bfloat16"):
        codes.fit(net, side, side, settings, seed=0, device=run.device, run=run)


def _counted(method: str, *, published: bool) -> int:
    """Operations of one step; what comes once, and the look at the end, are taken off."""
    take = _published_steps if published else _steps
    found = []
    for steps in (1, 2):
        with FlopCounterMode(display=False) as counter:
            take(method, steps)
        found.append(counter.get_total_flops())
    return found[1] - found[0]


def _paper(method: str, steps: int) -> Fit:
    return dataclasses.replace(PAPER[method]("paper"), steps=steps)


def _noise(size: int) -> Side:
    noise = torch.randint(256, (64, size, size, 3), generator=seeded(1)).to(torch.uint8)
    return Side(noise, noise[:4])


def _steps(method: str, steps: int, run: NullRun = NullRun()) -> None:
    """Some steps of a `paper` preset on noise."""
    settings = _paper(method, steps)
    side = _noise(settings.size)
    codes.fit(model.fresh(settings, 0), side, side, settings, seed=0, device=torch.device("cpu"), run=run)


def _published_steps(method: str, steps: int, run: NullRun = NullRun()) -> None:
    """The same in the published form."""
    settings = _paper(method, steps)
    trained, side = Published(model.fresh(settings, 0), settings), _noise(settings.size)
    x, y = (batch(side, settings, seed=0, side=n, step=0).contiguous() for n in (0, 1))
    for _ in run.steps("published", steps, {}):
        trained.step(x, y)


def _place(asked: argparse.Namespace, method: str, seed: int) -> Path:
    """A run's folder, by all that it depends on."""
    flags = re.sub(r"[^\w.]+", "_", "".join(f" {word}" for word in asked.settings))
    two = "_two" if asked.two_sided else ""
    return asked.keep / f"{method}_{asked.size}{two}_{asked.steps}{flags}_{seed}"


def _found(asked: argparse.Namespace, method: str) -> list[dict[str, float]]:
    files = [_place(asked, method, seed) / "metrics.json" for seed in asked.seeds]
    found = [json.loads(file.read_text()) for file in files if file.exists()]
    return [run | {name: run[one] / run[other] for name, (one, other) in RATIOS.items()} for run in found]


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    main()
