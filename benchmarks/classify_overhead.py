"""What swapping statistics costs in a step of training, paired and interleaved.

    uv run python benchmarks/classify_overhead.py time --keep FILE [--net resnet18 --batch 16 --side 64 --steps 200]
    uv run python benchmarks/classify_overhead.py time --keep FILE --compile
    uv run python benchmarks/classify_overhead.py time --keep FILE --net resnet50 --batch 128 --side 224 --device cuda
    uv run python benchmarks/classify_overhead.py parity --device cuda
    uv run python benchmarks/classify_overhead.py table --keep FILE

In turn, in an order drawn anew for each, every variant takes one step of SGD on the same pictures: `plain`; `ours`,
p = .01 after all convolutions but shortcuts; `published form`, the same with Python's random numbers, a permutation on
the CPU and modules, written here from the formula. Each step leaves a line in FILE; what is there is not done again. On
a GPU computing is in bfloat16. The overhead is the mean of paired differences over the mean of plain, and its upper
bound that of 95 % by Student's t. `parity` compares one step on a GPU with the same on the CPU, TF32 off, p = 1.
"""

import argparse
import copy
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional as F

from gestalt.nn import slots
from gestalt.nn.fresh import torch_fresh
from gestalt.nn.statswap import apply_padain
from gestalt.ops.chance import noise, seeded
from gestalt.run.device import use_threads

VARIANTS = ("plain", "ours", "published form")
WARM = 3


class PublishedForm(nn.Module):
    """The formula with coins of Python and a permutation on the CPU, in the precision that comes."""

    def __init__(self, conv: nn.Module, p: float) -> None:
        super().__init__()
        self.conv, self.p = conv, p

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the convolution's output, now and then with other statistics."""
        x = self.conv(x)
        if not self.training or random.random() > self.p or x.shape[2:] == (1, 1):
            return x
        partner = torch.randperm(len(x))
        variance, mean = torch.var_mean(x, (2, 3), keepdim=True)
        deviation = (variance + 1e-5).sqrt()
        return (x - mean) / (deviation + 1e-5) * deviation.detach()[partner] + mean.detach()[partner]


def main() -> None:
    """Do what the first word says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["time", "parity", "table"])
    parser.add_argument("--keep", type=Path, default=Path("scratch/classify_overhead.jsonl"))
    parser.add_argument("--net", default="resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--p", type=float, default=0.01)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    use_threads(asked.threads)
    if asked.what == "parity":
        print(parity(asked.net, asked.device))
        return
    if asked.what == "time":
        measure(asked)
    print(table(asked.keep))


def fresh(name: str) -> nn.Module:
    """A network of torchvision with seeded weights."""
    import torchvision

    return torch_fresh(lambda: torchvision.models.get_model(name, weights=None, num_classes=100), seeded(0))


def variant(kind: str, net: nn.Module, p: float) -> nn.Module:
    """A network with swaps of one kind."""
    if kind == "ours":
        apply_padain(net, p=p, seed=0)
    if kind == "published form":
        for slot in slots.choose(net, "paper"):
            above, _, last = slot.name.rpartition(".")
            setattr(net.get_submodule(above), last, PublishedForm(slot.module, p))
    return net


def measure(asked: argparse.Namespace) -> None:
    """Seconds of every step that is not there."""
    known = {name: getattr(asked, name) for name in ("net", "batch", "side", "p", "device", "compile", "threads")}
    kinds = VARIANTS[:2] if asked.compile else VARIANTS  # the published form does not compile as a whole
    done = sum(known.items() <= json.loads(line).items() for line in lines(asked.keep))
    plain = fresh(asked.net).to(asked.device).to(memory_format=torch.channels_last).train()
    steps = {kind: step_of(variant(kind, copy.deepcopy(plain), asked.p), asked) for kind in kinds}
    x = noise((asked.batch, 3, asked.side, asked.side), seeded(1), torch.zeros(())).to(asked.device)
    labels = torch.arange(asked.batch, device=asked.device) % 100
    asked.keep.parent.mkdir(parents=True, exist_ok=True)
    order = random.Random(done)
    for n in range(done - WARM, asked.steps):
        took = {}
        for kind in order.sample(kinds, len(kinds)):
            begun = time.perf_counter()
            steps[kind](x, labels)
            took[kind] = time.perf_counter() - begun
        if n >= done:
            with asked.keep.open("a") as file:
                file.write(json.dumps(known | {"card": card(asked.device), "seconds": took}) + "\n")


def step_of(net: nn.Module, asked: argparse.Namespace) -> Callable[[Tensor, Tensor], None]:
    """One step of SGD, done when it returns."""
    optimiser = torch.optim.SGD(net.parameters(), 0.01, momentum=0.9)
    learner = torch.compile(net, fullgraph=True) if asked.compile else net
    cuda = asked.device.startswith("cuda")

    def step(x: Tensor, labels: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cuda" if cuda else "cpu", torch.bfloat16, enabled=cuda):
            logits = learner(x)
        F.cross_entropy(logits.float(), labels).backward()
        optimiser.step()
        if cuda:
            torch.cuda.synchronize()

    return step


def card(device: str) -> str:
    """What computes."""
    return torch.cuda.get_device_name() if device.startswith("cuda") else "cpu"


def lines(file: Path) -> list[str]:
    """Of a file, none if it is not there."""
    return file.read_text().splitlines() if file.exists() else []


def table(file: Path) -> str:
    """Overheads by what was measured."""
    rows = ["| what | steps | plain | variant | overhead | upper 95 % bound |", "|---" * 6 + "|"]
    found = [json.loads(line) for line in lines(file)]
    groups = dict.fromkeys(json.dumps({name: line[name] for name in line if name != "seconds"}) for line in found)
    for group in groups:
        known = json.loads(group)
        some = [line["seconds"] for line in found if known.items() <= line.items()]
        plain = statistics.mean(one["plain"] for one in some)
        for kind in [kind for kind in some[0] if kind != "plain"]:
            apart = [one[kind] - one["plain"] for one in some]
            mean, spread = statistics.mean(apart), statistics.stdev(apart) if len(apart) > 1 else float("nan")
            upper = mean + float(stats.t.ppf(0.95, max(len(apart) - 1, 1))) * spread / len(apart) ** 0.5
            told = ", ".join(f"{name} {value}" for name, value in known.items())
            cells = (told, len(some), f"{1e3 * plain:.1f} ms", kind, f"{mean / plain:+.2%}", f"{upper / plain:+.2%}")
            rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def parity(name: str, device: str) -> str:
    """The largest relative difference of a loss and of weights after one step from the same on the CPU."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    x, labels = noise((8, 3, 64, 64), seeded(2), torch.zeros(())), torch.arange(8)
    found = []
    for place in ("cpu", device):
        net = fresh(name).to(place).train()
        apply_padain(net, p=1.0, layers="early", seed=3)
        optimiser = torch.optim.SGD(net.parameters(), 0.01)
        loss = F.cross_entropy(net(x.to(place)), labels.to(place))
        loss.backward()
        optimiser.step()
        found.append((loss.detach().cpu(), torch.cat([weight.detach().cpu().flatten() for weight in net.parameters()])))
    (loss, weights), (other, others) = found
    apart = float((weights - others).norm() / weights.norm())
    of_loss = float((loss - other).abs() / loss)
    return f"{name} on {card(device)} and cpu: loss differs by {of_loss:.1e}, weights by {apart:.1e}"


if __name__ == "__main__":
    main()
