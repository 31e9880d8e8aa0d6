"""Small jobs for the run tests, and children to run (and kill) them in."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from gestalt.run.folder import NullRun, Plan, Run, Stopped
from gestalt.run.progress import Progress

STEPS = 8
torch.optim.Adam([torch.zeros(1)])  # its first use loads 5 s of modules: here, not in each child
DONE, FAILED, STOPPED = 0, 1, 3


def plan(**changes: object) -> Plan:
    return Plan(**{"command": "analogy make", "settings": {"steps": STEPS}, "seed": 3} | changes)  # pyright: ignore


def quiet() -> Progress:
    return Progress(quiet=True)


def train(run: NullRun, *, after_step: Callable[[int], None] = lambda _: None) -> float:
    """Train two little nets one after the other, using every kind of thing that a state may hold."""
    sums = 0.0
    for name, seed in (("a2b", 1), ("b2a", 2)):
        chance = torch.Generator().manual_seed(seed)
        net = nn.Linear(3, 12)
        with torch.no_grad():
            for weight in net.parameters():
                weight.copy_(torch.randn(weight.shape, generator=chance))
        picture = nn.Parameter(torch.randn(1, 3, 4, 4, generator=chance))
        optimiser = torch.optim.Adam([*net.parameters(), picture], lr=1e-2)
        source = torch.randn(1, 3, 4, 4, generator=chance)
        mean = torch.zeros(12)  # changed in place under a name of its own
        state = {
            "net": net,
            "optimiser": optimiser,
            "schedule": torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.9),
            "chance": chance,
            "picture": picture,
            "mean": mean,
            "best": source,  # the caller's own tensor, which the loop replaces
            "lowest": None,
            "losses": [],
            "nested": {"pair": (torch.zeros(2), 0)},
        }
        for step in run.steps(name, STEPS, state):
            optimiser.zero_grad()
            noise = torch.randn(5, 3, generator=chance)
            out = net(noise)
            loss = (out.mean(0).view(1, 3, 2, 2).mean() - picture).square().mean() + out.square().mean() * 0.1
            loss = loss + (picture - source).abs().mean()
            loss.backward()
            optimiser.step()
            state["schedule"].step()
            mean += out.detach().mean(0)
            state["losses"].append(loss.item())
            state["nested"]["pair"] = (state["nested"]["pair"][0] + 1, step)
            if state["lowest"] is None or loss.item() < state["lowest"]:
                state["lowest"], state["best"] = loss.item(), state["best"] * 0.5 + picture.detach()
            run.log(step, loss=loss.item())
            if step % 4 == 3:
                run.image(f"steps/{name}_{step}.png", picture.detach(), f"step {step}", row=name, col=str(step))
                run.preview(name, step, picture.detach())
            after_step(step)
        total = torch.tensor(state["losses"]).sum() + mean.sum() + state["nested"]["pair"][0].sum()
        sums += float(total) + float(source.sum())
        run.image(f"{name}.png", state["best"], f"best of {name}")
        run.save(name, {**net.state_dict(), "mean": mean, "total": total, "picture": picture})
    with run.file("sums.txt", "The sum") as path:
        path.write_text(f"{sums!r}\n")
    run.measure(sums=sums)
    return sums


def results(folder: Path) -> dict[str, bytes]:
    """Return what must not depend on stops: the bytes of outputs/ and weights/, and the steps logged."""
    files = [path for name in ("outputs", "weights") for path in sorted((folder / name).rglob("*"))]
    bytes_of = {str(path.relative_to(folder)): path.read_bytes() for path in files if path.is_file()}
    logged = sorted((folder / "metrics.jsonl").read_bytes().splitlines())
    return bytes_of | {"metrics.jsonl": b"\n".join(logged)}


def make(folder: Path, after_step: Callable[[int], None] = lambda _: None) -> None:
    with Run.create(folder, plan(), progress=quiet(), save_every_s=0.0) as run:
        train(run, after_step=after_step)


def resume(folder: Path, after_step: Callable[[int], None] = lambda _: None) -> None:
    with Run.open(folder, progress=quiet(), save_every_s=0.0) as run:
        train(run, after_step=after_step)


def start(job: Callable[[], object]) -> int:
    """Start a job in a forked child (milliseconds, where a fresh torch takes seconds) and return its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = FAILED
    try:
        torch.set_num_threads(1)  # a fork has none of its parent's worker threads
        signal.signal(signal.SIGINT, signal.default_int_handler)
        job()
        code = DONE
    except Stopped:
        code = STOPPED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(pid: int) -> int:
    """Return a child's exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
