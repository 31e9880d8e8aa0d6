"""What a GPU does for generation: parity with the CPU, steps per second of `paper`, patches.

    python benchmarks/gpu.py parity                  every engine once on both, TF32 off
    python benchmarks/gpu.py steps FOLDER            VAE-GAN `paper` on a clip, seconds a step, level by level
    python benchmarks/gpu.py patches FOLDER          the patch engine at 13x144x256 and 13x720x1280
    python benchmarks/gpu.py kernels FOLDER          where the time of a step goes, at the first and the last level

FOLDER is that of the shared clips.
"""

import argparse
import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generate import CLIPS, FRAMES
from gestalt import recipes
from gestalt.drawn.discs import bouncing
from gestalt.media.video import read_clip
from gestalt.nn.convs import Conv
from gestalt.ops import nearest
from gestalt.ops.chance import seeded
from gestalt.ops.patches import vote
from gestalt.ops.resize import resize
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import modes, pair
from gestalt.tasks.analogy.config import Pair
from gestalt.tasks.generate import patch, singan, vaegan
from gestalt.tasks.generate.config import SinGan, VaeGan
from gestalt.tasks.generate.singan import SinGanModel
from gestalt.tasks.generate.vaegan import PatchVaeGan
from gestalt.tasks.generate.windows import Windows, frame_steps, level_sizes
from vaegan import stepper

PRODUCTS = 564_483 - 6 * 3 * 64 - 3  # weights of a block of `paper`: multiplications a voxel
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Relative, in the norm."""
    ours, theirs = ours.double().cpu(), theirs.double().cpu()
    return float((ours - theirs).norm() / ours.norm())


class Saving(NullRun):
    """Keeps the state of every loop before its last step."""

    def __init__(self) -> None:
        self.saved: dict[str, tuple[int, dict[str, Any]]] = {}

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        for step in range(total):
            if step == total - 1:
                self.saved[name] = step, copy.deepcopy({key: _content(value) for key, value in state.items()})
            yield step


class Again(NullRun):
    """Takes the last step of every loop again, each from the state that was kept."""

    def __init__(self, saving: Saving) -> None:
        self.saved = saving.saved

    def steps(self, name: str, total: int, state: dict[str, Any]) -> Iterator[int]:
        del total
        step, content = self.saved[name]
        for key, value in content.items():
            if hasattr(state[key], "load_state_dict"):
                state[key].load_state_dict(copy.deepcopy(value))
            else:
                state[key] = value
        yield step


def _content(value: Any) -> Any:
    return value.state_dict() if hasattr(value, "state_dict") else value


def parity(_: Path) -> None:
    """One step of every level from one saved state, then a forward pass through all levels, on both devices."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    clip, picture = bouncing(13, 24, 32), bouncing(2, 48, 64)[:, :, :1]
    print("| what | relative difference, GPU to CPU |")
    print("|---|---|")
    cases: dict[str, Callable[[torch.device, NullRun], Tensor]] = {
        "VAE-GAN, a clip": lambda on, run: sampled(
            vaegan.fit(clip.to(on), VaeGan(coarsest=16, size=32, vae_levels=2, vae_steps=20, gan_steps=20), run=run)
        ),
        "VAE-GAN, a picture": lambda on, run: sampled(
            vaegan.fit(picture.to(on), VaeGan(coarsest=24, size=64, vae_levels=2, vae_steps=20, gan_steps=20), run=run)
        ),
        "SinGAN, a clip": lambda on, run: sampled(
            singan.fit(clip.to(on), SinGan(size=32, coarsest=12, steps=20), run=run)
        ),
        "SinGAN, a picture": lambda on, run: sampled(
            singan.fit(picture.to(on), SinGan(size=64, coarsest=20, steps=20), run=run)
        ),
        "pair network": lambda on, run: pair_sample(picture[:, :, 0].to(on), run),
    }
    for name, make in cases.items():
        saving = Saving()
        make(CPU, saving)
        print(f"| {name} | {difference(make(CPU, Again(saving)), make(GPU, Again(saving))):.1e} |", flush=True)
    print("| patches of a clip, mean distance, GPU over CPU |", flush=True)
    queries = resize(bouncing(13, 60, 80), (13, 55, 90))[0]
    keys = bouncing(13, 64, 96)[0]
    for sweeps in (2, 4, 8):
        far = [
            float(nearest.patchmatch(queries.to(on), keys.to(on), (3, 7, 7), sweeps=sweeps).distance.mean())
            for on in (CPU, GPU)
        ]
        print(f"| {sweeps} sweeps | {far[1] / far[0]:.4f} |", flush=True)
    queries, keys = bouncing(13, 20, 26)[0], bouncing(13, 24, 32)[0]
    fields = [nearest.exact(queries.to(on), keys.to(on), (3, 7, 7)) for on in (CPU, GPU)]
    print(f"| exact search | {float(fields[1].distance.mean() / fields[0].distance.mean()):.6f} |", flush=True)
    for how in ("mean", "agreed"):
        one, other = (vote(keys.to(on), fields[0].index.to(on), (3, 7, 7), how) for on in (CPU, GPU))
        print(f"| vote {how}, relative difference | {difference(one, other):.1e} |", flush=True)


def sampled(model: PatchVaeGan | SinGanModel) -> Tensor:
    return model.sample(model.sizes, seeded(5))


def pair_sample(picture: Tensor, run: NullRun) -> Tensor:
    settings = Pair(size=64, coarsest=24, steps=20, coarse_steps=20)
    return torch.cat(modes.draw_pair(*pair.fit(picture, picture.flip(-1).roll(7, -1), settings, run=run)))


def synced(function: Callable[[], object], count: int) -> float:
    """Seconds of one call, on average, the device's work included."""
    function()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(count):
        function()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / count


def paper() -> VaeGan:
    """Endless steps."""
    return dataclasses.replace(recipes.generate_vaegan("paper"), vae_steps=10**9, gan_steps=10**9, take=FRAMES)


def first_clip(folder: Path, frames: int = FRAMES) -> Tensor:
    return read_clip(folder / CLIPS[0], max_frames=1000, take=frames)[0].to(GPU)


def steps(folder: Path) -> None:
    """Every level of `paper`, with the penalty at every step and at every fourth.

    A GAN step has 20 passes of a block over its level, a backward pass counting two; at a VAE level there are 3 of
    the newest block, of all below, and of decoder and encoder at level 0, not counted here.
    """
    clip, settings = first_clip(folder), paper()
    sizes = level_sizes(clip.shape[3:], True, settings)
    reals = [Windows(clip, size, step) for size, step in zip(sizes, frame_steps(len(sizes), settings), strict=True)]
    print("| level | frames x height x width | ms a step | TFLOP/s | penalty every 4th, ms | peak GPU MB |")
    print("|---|---|---|---|---|---|")
    for k, size in enumerate(sizes):
        torch.cuda.reset_peak_memory_stats()
        found = []
        for every in (1, 4):
            one = stepper(k, clip, reals, dataclasses.replace(settings, penalty_every=every))
            found.append(synced(lambda it=one: next(it), 24 if k < 6 else 8))
            one.close()
        passes = 20 if k >= settings.vae_levels else 3
        rate = 2e-12 * passes * PRODUCTS * size[0] * size[1] * size[2] / found[0]
        peak = torch.cuda.max_memory_allocated() / 1e6
        shape = " x ".join(map(str, size))
        print(f"| {k} | {shape} | {1e3 * found[0]:.1f} | {rate:.1f} | {1e3 * found[1]:.1f} | {peak:.0f} |", flush=True)


def kernels(folder: Path) -> None:
    """The profiler's table of a few steps; then one convolution in the forms it could take."""
    clip, settings = first_clip(folder), paper()
    sizes = level_sizes(clip.shape[3:], True, settings)
    reals = [Windows(clip, size, step) for size, step in zip(sizes, frame_steps(len(sizes), settings), strict=True)]
    for k in (3, len(sizes) - 1):
        one = stepper(k, clip, reals, settings)
        synced(lambda it=one: next(it), 2)
        activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities) as profile:
            for _ in range(4):
                next(one)
            torch.cuda.synchronize()
        print(f"level {k}, 4 steps")
        print(profile.key_averages().table(sort_by="self_cuda_time_total", row_limit=14, max_name_column_width=60))
        one.close()
    print("| convolution 64 -> 64 of 13x144x256, forward and backward | ms | TFLOP/s |")
    for name, dtype, form in (
        ("float32 (TF32)", torch.float32, torch.contiguous_format),
        ("float32 (TF32), channels last", torch.float32, torch.channels_last_3d),
        ("bfloat16", torch.bfloat16, torch.contiguous_format),
        ("bfloat16, channels last", torch.bfloat16, torch.channels_last_3d),
    ):
        conv = Conv(64, 64, 3, seeded(0)).to(GPU, dtype)
        conv.weight.data = conv.weight.data.to(memory_format=form)
        x = torch.randn(1, 64, *sizes[-1], device=GPU, dtype=dtype).to(memory_format=form).requires_grad_()

        def there_and_back(x: Tensor = x, conv: Conv = conv) -> None:
            conv(x).sum().backward()

        seconds = synced(there_and_back, 10)
        flops = 6 * 64 * 64 * 27 * sizes[-1][0] * sizes[-1][1] * sizes[-1][2]
        print(f"| {name} | {1e3 * seconds:.2f} | {1e-12 * flops / seconds:.0f} |", flush=True)


def patches(folder: Path) -> None:
    """Seconds and memory of a sample, on the GPU and on the CPU of the same machine."""
    clip = first_clip(folder)
    print("| frames x height x width | GPU, s | GPU MB | CPU, s |")
    print("|---|---|---|---|")
    for size in ((13, 144, 256), (13, 720, 1280)):
        given = resize(clip, size).clamp(-1, 1)
        settings = dataclasses.replace(recipes.generate_patch("fast"), samples=1, size=max(size))
        torch.cuda.reset_peak_memory_stats()
        seconds = synced(lambda x=given, s=settings: next(patch.make(x, s)), 1)
        peak = torch.cuda.max_memory_allocated() / 1e6
        began = time.perf_counter()
        next(patch.make(given.cpu(), settings))
        on_cpu = time.perf_counter() - began
        print(f"| {' x '.join(map(str, size))} | {seconds:.2f} | {peak:.0f} | {on_cpu:.2f} |", flush=True)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["parity", "steps", "patches", "kernels"])
    parser.add_argument("folder", type=Path, nargs="?", default=Path())
    asked = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}", flush=True)
    {"parity": parity, "steps": steps, "patches": patches, "kernels": kernels}[asked.what](asked.folder)


if __name__ == "__main__":
    main()
