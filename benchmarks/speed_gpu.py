"""S3D-G on a GPU: training clips a second and the share of the peak, frames a second of inference, parity with the CPU.

    python benchmarks/speed_gpu.py [--trunk s3dg] [--frames 16] [--side 224] [--pairs 16] [--peak 989e12]

The peak is that of dense bfloat16 products in operations a second; operations are counted, not estimated. Without a GPU
it runs on the CPU, where there is no share to tell.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from gestalt.tasks.speed.speednet import SpeedNet
from gestalt.tasks.speed.training import has_bfloat16


def main() -> None:
    """Parity, then training, then inference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trunk", choices=("small", "s3dg"), default="s3dg")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--peak", type=float, default=989e12)
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {asked.trunk}, {asked.frames} frames of {asked.side} px")
    parity(asked, device)
    training(asked, device)
    inference(asked, device)


def made(asked: argparse.Namespace, device: torch.device) -> SpeedNet:
    """A fresh network."""
    net = SpeedNet(asked.trunk, torch.Generator().manual_seed(0))
    return net.to(device).to(memory_format=torch.channels_last_3d)


def clips(count: int, asked: argparse.Namespace, device: torch.device) -> torch.Tensor:
    """Noise of the shape of clips."""
    x = torch.rand(count, 3, asked.frames, asked.side, asked.side, generator=torch.Generator().manual_seed(1))
    return (2 * x - 1).to(device).contiguous(memory_format=torch.channels_last_3d)


@torch.inference_mode()
def parity(asked: argparse.Namespace, device: torch.device) -> None:
    """The same logits on both, in float32 without TF32."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    there, here = (made(asked, on).eval()(clips(2, asked, on)).cpu() for on in (device, torch.device("cpu")))
    print(f"largest difference of a logit from the CPU's: {float((there - here).abs().max()):.1e}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def training(asked: argparse.Namespace, device: torch.device) -> None:
    """Steps as in training, on clips that are already there."""
    net = made(asked, device).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-4, fused=device.type == "cuda")
    x, y = clips(2 * asked.pairs, asked, device), torch.tensor([0.0, 1.0]).repeat(asked.pairs).to(device)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            logits = net(x)
        F.binary_cross_entropy_with_logits(logits.float(), y).backward()
        optimiser.step()

    with FlopCounterMode(display=False) as counter:
        step()
    rate = repeated(step, asked.seconds, device) * len(x)
    told(f"training {rate:.1f} clips/s", rate * counter.get_total_flops() / len(x), asked, device)


@torch.inference_mode()
def inference(asked: argparse.Namespace, device: torch.device) -> None:
    """Clips as they come in, all frames of all."""
    net, x = made(asked, device).eval(), clips(2 * asked.pairs, asked, device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device)):
            net(x)

    with FlopCounterMode(display=False) as counter:
        step()
    rate = repeated(step, asked.seconds, device) * len(x)
    operations = rate * counter.get_total_flops() / len(x)
    told(f"inference {rate * asked.frames:.0f} frames/s", operations, asked, device)


def repeated(step: Callable[[], None], seconds: float, device: torch.device) -> float:
    """How often a second, after three times to warm up."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    wait()
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        step()
        wait()
        count += 1
    return count / (time.perf_counter() - begun)


def told(what: str, operations: float, asked: argparse.Namespace, device: torch.device) -> None:
    """One line, on a GPU with the share of the peak."""
    share = f", {operations / asked.peak:.1%} of the peak" if device.type == "cuda" else ""
    print(f"{what}, {operations / 1e12:.2f} Tflop/s{share}")


if __name__ == "__main__":
    main()
