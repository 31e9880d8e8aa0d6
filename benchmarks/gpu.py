"""What a GPU does for generation: parity with the CPU, steps per second of `paper`, patches.

    python benchmarks/gpu.py parity                  every engine once on both, TF32 off
    python benchmarks/gpu.py steps FOLDER            VAE-GAN `paper` on a clip, seconds a step, level by level
    python benchmarks/gpu.py patches FOLDER          the patch engine at 13x144x256 and 13x720x1280
    python benchmarks/gpu.py kernels FOLDER          where the time of a step goes, at the first and the last level

FOLDER is that of the shared clips.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from generate import CLIPS, FRAMES, stepper
from gestalt import recipes
from gestalt.drawn.discs import bouncing
from gestalt.media.video import read_clip
from gestalt.nn.convs import Conv
from gestalt.ops import nearest
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.analogy import modes, pair
from gestalt.tasks.analogy.config import Pair
from gestalt.tasks.generate import patch, singan, vaegan
from gestalt.tasks.generate.config import SinGan, VaeGan
from gestalt.tasks.generate.windows import Windows, frame_steps, level_sizes

PRODUCTS = 564_483 - 6 * 3 * 64 - 3  # weights of a block of `paper`: multiplications a voxel
GPU = torch.device("cuda")


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Relative, in the norm."""
    ours, theirs = ours.double().cpu(), theirs.double().cpu()
    return float((ours - theirs).norm() / ours.norm())


def parity(_: Path) -> None:
    """One optimiser step at every level, then a forward pass through all of them, on both devices from one seed."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    clip, picture = bouncing(13, 24, 32), bouncing(1, 48, 64)
    print("| what | relative difference, GPU to CPU |")
    print("|---|---|")
    one = {"vae_steps": 1, "gan_steps": 1}
    cases: dict[str, Callable[[torch.device], Tensor]] = {
        "VAE-GAN, a clip": lambda on: vaegan_sample(clip.to(on), VaeGan(coarsest=16, size=32, vae_levels=2, **one)),
        "VAE-GAN, a picture": lambda on: vaegan_sample(picture.to(on), VaeGan(coarsest=24, vae_levels=2, **one)),
        "SinGAN, a clip": lambda on: singan_sample(clip.to(on), SinGan(size=32, coarsest=12, steps=1)),
        "SinGAN, a picture": lambda on: singan_sample(picture.to(on), SinGan(size=64, coarsest=20, steps=1)),
        "pair network": lambda on: pair_sample(picture[:, :, 0].to(on)),
    }
    for name, make in cases.items():
        print(f"| {name} | {difference(make(torch.device('cpu')), make(GPU)):.1e} |", flush=True)
    print("| patches of a clip, mean distance, GPU over CPU |", flush=True)
    queries = resize(bouncing(13, 60, 80), (13, 55, 90))[0]
    keys = bouncing(13, 64, 96)[0]
    for sweeps in (2, 8):
        far = [
            float(nearest.patchmatch(queries.to(on), keys.to(on), (3, 7, 7), sweeps=sweeps).distance.mean())
            for on in ("cpu", "cuda")
        ]
        print(f"| {sweeps} sweeps | {far[1] / far[0]:.4f} |", flush=True)
    queries, keys = bouncing(13, 20, 26)[0], bouncing(13, 24, 32)[0]
    true = float(nearest.exact(queries, keys, (3, 7, 7)).distance.mean())
    theirs = float(nearest.exact(queries.to(GPU), keys.to(GPU), (3, 7, 7)).distance.mean())
    print(f"| exact search | {theirs / true:.6f} |", flush=True)


def vaegan_sample(clip: Tensor, settings: VaeGan) -> Tensor:
    model = vaegan.fit(clip, settings, seed=0)
    return model.sample(model.sizes, seeded(5))


def singan_sample(clip: Tensor, settings: SinGan) -> Tensor:
    model = singan.fit(clip, settings, seed=0)
    return model.sample(model.sizes, seeded(5))


def pair_sample(picture: Tensor) -> Tensor:
    settings = Pair(size=64, coarsest=24, steps=1, coarse_steps=1)
    chains = pair.fit(picture, picture.flip(-1).roll(7, -1), settings, seed=0)
    return torch.cat(modes.draw_pair(*chains))


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
