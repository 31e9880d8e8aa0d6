"""Content moved between unpaired folders: quality on drawn faces, and cost beside earlier code.

    uv run python benchmarks/transfer.py drawn --keep FOLDER [--size 32] [--methods mask ...] [--seeds 0 1 2]
    uv run python benchmarks/transfer.py table --keep FOLDER [--size 32]
    uv run python benchmarks/transfer.py cost [--bf16] [--compile]
    uv run python benchmarks/transfer.py count

The first keeps a run for every method and seed; what is there is taken up where it stopped, and not done again. Every
seed draws other faces to learn from and others to be asked about. `cost` times the steps of the `paper` presets, 128 px
and 32 pictures a side; `count` says how many multiplications such a step has, in the published form and in ours.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from gestalt import cli, recipes
from gestalt.run.device import use_threads
from gestalt.run.threads import available_cores
from gestalt.tasks.transfer import codes, model
from gestalt.tasks.transfer.codes import Seen, Transfer
from gestalt.tasks.transfer.config import Fit

PUBLISHED = {"disentangle": 2.03, "intersection": 3.10, "mask": 3.41}
"""Seconds of a step of the published code on a two-core machine, 128 px, 32 pictures a side; not measured here."""

PAPER = {
    "disentangle": recipes.transfer_disentangle,
    "intersection": recipes.transfer_intersection,
    "mask": recipes.transfer_mask,
}

SHOWN = (
    "in", "in_identity", "in_wrong_guide", "in_mean_answer", "in_rebuilt", "out", "retrieval", "remove_in",
    "remove_in_identity", "swap_in", "swap_in_identity", "mask_iou", "leakage", "classifier_accuracy",
    "added_called_content", "removed_called_plain", "translated_called_plain", "seconds",
)  # fmt: skip


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["drawn", "table", "cost", "count"])
    parser.add_argument("--keep", type=Path, default=Path("scratch/transfer"))
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--methods", nargs="+", default=list(PAPER), choices=list(PAPER))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--two-sided", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    asked = parser.parse_args()
    if asked.what == "drawn":
        drawn(asked)
    if asked.what in ("drawn", "table"):
        table(asked)
    if asked.what == "cost":
        cost(asked.methods, bf16=asked.bf16, compiled=asked.compile)
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
            new = ["transfer", "test", *given, "--method", method, "--out", str(out)]
            new += ["--two-sided"] if asked.two_sided else []
            code = cli.run(["resume", str(out)] if (out / "run.json").exists() else new)
            if code:
                raise SystemExit(code)


def table(asked: argparse.Namespace) -> None:
    """Median over seeds, and from least to most, of every figure there is."""
    print(f"| {asked.size} px, median of seeds [least, most] |", " | ".join(asked.methods), "|")
    print("|---" * (len(asked.methods) + 1) + "|")
    found = {method: _found(asked, method) for method in asked.methods}
    for name in SHOWN:
        print(f"| {name} |", " | ".join(_cell([run[name] for run in found[m] if name in run]) for m in found), "|")


def cost(methods: list[str], *, bf16: bool, compiled: bool) -> None:
    """Seconds of a step, the median of five after two, with the published code's beside."""
    use_threads(available_cores())
    print("| method | s/step | published code, another machine | ratio |\n|---|---|---|---|")
    for method in methods:
        step = _step(method, bf16=bf16, compiled=compiled)
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        took = statistics.median(times[2:])
        print(f"| {method} | {took:.2f} | {PUBLISHED[method]} | {PUBLISHED[method] / took:.2f} |", flush=True)


def count(methods: list[str]) -> None:
    """Operations of a step, forward and backward, by torch's own counter."""
    for method in methods:
        with FlopCounterMode(display=False) as counter:
            _step(method)()
        print(f"{method}: {counter.get_total_flops() / 1e9:.0f} GFLOP a step")


def _step(method: str, *, bf16: bool = False, compiled: bool = False):
    """One step of a `paper` preset as a function, on noise."""
    settings: Fit = PAPER[method]("paper")
    net: Transfer = model.fresh(settings, 0).to(memory_format=torch.channels_last).train()
    networks = [weight for name, weight in net.named_parameters() if not name.startswith("critic.")]
    painter = torch.optim.Adam(networks, lr=settings.lr, betas=(0.5, 0.999))
    judge = torch.optim.Adam(net.critic.parameters(), lr=settings.lr, betas=(0.5, 0.999))
    x, y = (torch.rand(settings.batch, 3, 128, 128).to(memory_format=torch.channels_last) * 2 - 1 for _ in range(2))

    def losses() -> tuple[torch.Tensor, torch.Tensor]:
        seen = Seen(x, y, x, y, net.common(x), net.common(y))
        terms = net.terms(seen) | {"confusion": (0.005, codes.confused(net, seen.common_x, seen.common_y))}
        return codes.total(terms), codes.told(net, seen.common_x, seen.common_y)

    forward = torch.compile(losses) if compiled else losses

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss, judged = forward()
        painter.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(networks, codes.CLIP)
        painter.step()
        judge.zero_grad(set_to_none=True)
        judged.backward()
        judge.step()

    return step


def _place(asked: argparse.Namespace, method: str, seed: int) -> Path:
    two = "_two" if asked.two_sided else ""
    return asked.keep / f"{method}_{asked.size}{two}_{seed}"


def _found(asked: argparse.Namespace, method: str) -> list[dict[str, float]]:
    files = [_place(asked, method, seed) / "metrics.json" for seed in asked.seeds]
    return [json.loads(file.read_text()) for file in files if file.exists()]


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


if __name__ == "__main__":
    main()
