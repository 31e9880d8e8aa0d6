"""Hierarchical Patch VAE-GAN beside the published schedule: the cost of a step, and the time to equal quality.

uv run python benchmarks/vaegan.py cost ../shared/data/clips                seconds a step, level by level
uv run python benchmarks/vaegan.py equal ../shared/data/clips --threads 1   time to the published quality
"""

import argparse
import copy
import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from generate import CLIPS, FRAMES, clips_of
from gestalt import recipes
from gestalt.media.video import read_clip
from gestalt.metrics.patches import sliced_wasserstein
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.run import device
from gestalt.tasks.generate import vaegan
from gestalt.tasks.generate.config import VaeGan
from gestalt.tasks.generate.measures import measure
from gestalt.tasks.generate.vaegan import Critic, PatchVaeGan, Stack, fit_gan_level, fit_vae_level
from gestalt.tasks.generate.windows import Windows, frame_steps, level_sizes
from pair import one_by_one, timed
from published_vaegan import Published

DRAWS, EVERY = 4, 25
"""Samples that are judged, and steps from one judgement to the next."""


def cost(folder: Path) -> None:
    """Seconds a step of the published schedule and of ours at equal settings, interleaved, at the first four levels.

    In passes of a block (G) or critic (D) of the level, a backward pass counting two: the published GAN step needs, for
    the newest block, 2 forward and 2 backward (6 G), the graph of all levels below twice, and for the critic 4 forward,
    3 backward and the penalty's second derivative (14 D). Ours needs 6 G, a share of a pass below, and 14 D, of which
    the penalty's 6 every fourth step only in the last column.
    """
    paper = dataclasses.replace(
        recipes.generate_vaegan("paper"), vae_steps=10**9, gan_steps=10**9, anchor="mean", take=FRAMES
    )
    clip = read_clip(folder / CLIPS[0], max_frames=1000, take=FRAMES)[0]
    sizes = level_sizes(clip.shape[3:], True, paper)
    steps = frame_steps(len(sizes), paper)
    reals = [Windows(clip, size, step) for size, step in zip(sizes, steps, strict=True)]
    print("| level | frames x height x width | published, s/step | ours | ratio | penalty every 4th | ratio |")
    print("|---|---|---|---|---|---|---|")
    for k in range(4):
        theirs = Published([real.at(0) for real in reals], paper.vae_levels, paper.width, paper.latent)
        for n in range(k + 1):
            theirs.begin(n)
        ours, lazy = (stepper(k, clip, reals, dataclasses.replace(paper, penalty_every=every)) for every in (1, 4))
        rounds = []
        for _ in range(3):
            rounds.append(
                tuple(
                    timed(function, 4)
                    for function in (
                        lambda k=k, it=theirs: it.step(k),
                        lambda it=ours: next(it),
                        lambda it=lazy: next(it),
                    )
                )
            )
        one, two, three = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
        size = " x ".join(map(str, sizes[k]))
        print(
            f"| {k} | {size} | {one:.3f} | {two:.3f} | {one / two:.2f} | {three:.3f} | {one / three:.2f} |", flush=True
        )
        ours.close()
        lazy.close()


def stepper(k: int, clip: Tensor, reals: list[Windows], settings: VaeGan):
    """A generator that does one training step of level k each time it is asked; levels below are new and untrained."""
    sizes = level_sizes(clip.shape[3:], True, settings)
    model = PatchVaeGan(sizes, settings, seeded(0), clip.device)
    model.blocks = [Stack(3, 3, settings.width, model.axes, seeded(0, n)).to(clip.device) for n in range(1, k + 1)]
    model.amplitudes = [0.05] * (k + 1)
    if not model.is_gan(k):
        return one_by_one(lambda run: fit_vae_level(k, model, reals[0], reals[k], settings, run=run))
    critic = Critic(settings.width, model.axes, seeded(1)).to(clip.device)
    return one_by_one(lambda run: fit_gan_level(k, model, critic, reals[0], reals[k], settings, run=run))


def equal(folder: Path, steps: int) -> None:
    """Both ways train the first GAN level on top of the same VAE levels, and are judged every few steps.

    The target is the median of the published schedule's last quarter. Its time is when the median of five judgements
    in a row first comes within 2 % of the target, and ours the same. Seconds are of processor time, the judging left
    out; use `--threads 1`, where waiting costs none.
    """
    settings = VaeGan(size=64, coarsest=24, rates=(4, 3, 2), width=32, latent=64, vae_steps=600, gan_steps=10**9)
    k = settings.vae_levels
    print("| clip | seed | measure | target | published, s | ours, s | ratio |")
    print("|---|---|---|---|---|---|---|")
    for (name, clip), seed in itertools.product(list(clips_of(folder))[::3], range(2)):
        clip = vaegan.working_size(clip, settings)
        sizes = level_sizes(clip.shape[3:], True, settings)
        reals = [Windows(clip, size, step) for size, step in zip(sizes, frame_steps(len(sizes), settings), strict=True)]
        model = PatchVaeGan(sizes[: k + 1], settings, seeded(seed, 0), clip.device)
        for n in range(k):
            if n > 0:
                model.blocks.append(
                    copy.deepcopy(model.blocks[-1]) if n > 1 else Stack(3, 3, settings.width, 3, seeded(seed, n))
                )
                model.amplitudes.append(0.0)
            fit_vae_level(n, model, reals[0], reals[n], settings, seed=seed)
        model.blocks.append(copy.deepcopy(model.blocks[-1]))
        rec = model.sample(model.sizes, None, z=model.posterior_mean(reals[0].at(0)))
        model.amplitudes.append(vaegan.NOISE * float((rec - reals[k].at(0)).square().mean().sqrt()))

        torch.manual_seed(seed)
        theirs = Published([real.at(0) for real in reals], k, settings.width, settings.latent)
        theirs.take(model, resize)
        theirs.begin(k)
        published = judged(lambda it=theirs: it.step(k), lambda it=theirs: it.samples(k, DRAWS), reals[k].at(0), steps)
        critic = Critic(settings.width, 3, seeded(seed, k, 1))
        one = one_by_one(
            lambda run, model=model, critic=critic, reals=reals, seed=seed: fit_gan_level(
                k, model, critic, reals[0], reals[k], settings, seed=seed, run=run
            )
        )
        ours = judged(
            lambda it=one: next(it),
            lambda m=model: [m.sample(m.sizes, seeded(7, n)) for n in range(DRAWS)],
            reals[k].at(0),
            steps,
        )
        one.close()
        for measured in ("swd", "patches"):
            curve, mine = ([(seconds, found[measured]) for seconds, found in x] for x in (published, ours))
            target = statistics.median(value for _, value in curve[-len(curve) // 4 :])
            one_time, other = (reached(x, 1.02 * target) for x in (curve, mine))
            ratio = "-" if other is None or one_time is None else f"{one_time / other:.1f}"
            both = " | ".join("not reached" if x is None else f"{x:.0f}" for x in (one_time, other))
            print(f"| {name} | {seed} | {measured} | {target:.3f} | {both} | {ratio} |", flush=True)


def judged(
    step: Callable[[], object], draw: Callable[[], list[Tensor]], real: Tensor, steps: int
) -> list[tuple[float, dict[str, float]]]:
    """Train, and judge samples every few steps: seconds of training so far, and the measures."""
    spent, found = 0.0, []
    for n in range(1, steps + 1):
        began = time.process_time()
        step()
        spent += time.process_time() - began
        if n % EVERY == 0:
            with torch.no_grad():
                samples = draw()
            both = measure(samples, real)
            far = statistics.mean(sliced_wasserstein(x, real, directions=64) for x in samples)
            found.append((spent, {"swd": far, "patches": both["coherence"] + both["completeness"]}))
    return found


def reached(curve: list[tuple[float, float]], target: float) -> float | None:
    """Seconds at which the median of five judgements in a row first comes to the target."""
    for n in range(4, len(curve)):
        if statistics.median(value for _, value in curve[n - 4 : n + 1]) <= target:
            return curve[n][0]
    return None


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cost", "equal"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=600)
    asked = parser.parse_args()
    device.use_threads(asked.threads)
    if asked.what == "cost":
        cost(asked.folder)
    else:
        equal(asked.folder, asked.steps)


if __name__ == "__main__":
    main()
