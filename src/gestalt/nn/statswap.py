"""Swapping the statistics of feature maps between the pictures of a batch, in any network, by one call.

A classifier that may read the class from brightness, contrast or colour cast does so. If mean and deviation of its
features are, now and then, those of another picture of the batch, they tell nothing of the class, and it has to look
at what is where. With x (N, C, *S) the output of a layer, m and s its `moments` of each sample and channel, and m_p and
s_p those of the sample's partner, the output becomes with probability p (one coin for the batch)

    padain      (x - m) / (s + eps) * s_p + m_p                       permuted AdaIN, Nuriel et al.
    mixstyle    (x - m) / s * (l s + (1 - l) s_p) + l m + (1 - l) m_p       l ~ Beta(alpha, alpha), one for each sample
    crossnorm   as padain, m_p and s_p being those of a random box of the partner's map
    efdmix      l x + (1 - l) (the values of x_p, in the order of x)        l as above
    dsu         (x - m) / s * (s + e S) + m + e' M        e, e' ~ N(0, 1); S, M the deviations of s and m over the batch

and stays as it was in evaluation. Nothing is learned from partners: their moments and values are constants to the
gradient. padain, crossnorm and dsu let it flow through m and s of the sample itself, so that of padain it sums to 0
over the places of a channel; mixstyle takes those as constants too, and efdmix has the gradient of the identity.

    net = torchvision.models.resnet50()
    handle = apply_padain(net)                  # the paper's: p = .01 after every convolution but shortcuts
    ...                                         # train as always
    handle.remove()                             # or leave it: in evaluation it does nothing

It is done by forward hooks. No module or tensor is added, so weights load before or after, and optimisers, averages and
DDP do not notice; hooks survive pickle and deepcopy (`handle_of` finds them again). In DDP each process has chance of
its own, told apart by its rank at the first pass, and partners from its own part of the batch.

Chance comes from a generator of the handle, on the CPU, and statistics are reckoned only where the coin says so. Where
a forward pass may be repeated for its gradient (activation checkpointing) it comes from torch's own generator instead,
which is put back for the repetition. Under torch.compile there are no coins on the host: everything is computed, a
tensor decides, and chance is that of the compiled program. So in both, processes have other chance only where torch's
own generators are seeded otherwise in each.

What we do otherwise than what is known of the published code, each with a test in tests/nn/test_statswap.py:
1. Moments are in 32 bits under autocast.
2. Maps of one place and batches of one sample pass unchanged, and nothing is printed.
3. Coins and partners come from a seeded generator, and are the same again in a repeated pass.
4. Maps have one to three axes of places, not two alone.

References:
    Nuriel, Benaim, Wolf: Permuted AdaIN - Reducing the Bias Towards Global Statistics in Image Classification. CVPR
        2021.
    Nuriel, Fogel, Litman: TextAdaIN - Paying Attention to Shortcut Learning in Text Recognizers. ECCV 2022 ("windows").
    Zhou, Yang, Qiao, Xiang: Domain Generalization with MixStyle. ICLR 2021.
    Tang, Gao, Zhu, Zhang, Li, Metaxas: CrossNorm and SelfNorm for Generalization under Distribution Shifts. ICCV 2021.
    Zhang, Li, Li, Jia, Zhang: Exact Feature Distribution Matching for Arbitrary Style Transfer and Domain
        Generalization. CVPR 2022 (efdmix).
    Li and others: Uncertainty Modeling for Out-of-Distribution Generalization. ICLR 2022 (dsu).
"""

import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from gestalt.nn import slots
from gestalt.nn.partners import Partner
from gestalt.nn.slots import Layers, Slot
from gestalt.nn.swaps import Chance, Rule, RuleName, swapped
from gestalt.ops.chance import seeded
from gestalt.ops.moments import Dims, places

Probability = float | Mapping[str, float]
"""Of a swap at one slot in one pass: one for all, or by the names that a slot's must match, the others never."""

MANY, DEEP = 2.0, 0.05
"""Swaps in a pass, on average, and probability at the last layer, above which a warning is given."""


class SlotReport(NamedTuple):
    """What happened at one slot; passes of compiled networks are not counted, nor are repetitions for the gradient.

    name: of the module.
    kind: of the module.
    p: the probability now.
    passes: in training, with a coin.
    swaps: how often it said so.
    shape: of the last map that was seen, () if none was.
    """

    name: str
    kind: str
    p: float
    passes: int
    swaps: int
    shape: tuple[int, ...]


class Shared:
    """What the hooks of one handle have in common.

    Args:
        rule: what is done.
        seed: of coins and partners.
    """

    def __init__(self, rule: Rule, seed: int) -> None:
        self.rule = rule
        self.on = True
        self.groups: Tensor | None = None
        self._seed: int | None = seed  # until the rank of this process is known
        self._generator = torch.Generator(device="cpu")

    @property
    def generator(self) -> Generator:
        """Of coins and partners, other ones in each process of a distributed job, by its rank when first asked for."""
        if self._seed is not None:
            self._generator.set_state(seeded(self._seed, _rank()).get_state())
            self._seed = None
        return self._generator

    def go_on(self, state: Tensor) -> None:
        """Take chance from a state on."""
        self._generator.set_state(state)
        self._seed = None

    def chance(self) -> Generator | None:
        """The handle's generator; torch's own, which is None, where this pass may be or is a repetition.

        A pass that is to be repeated keeps no intermediate results: it is under hooks for saved tensors or, in the
        older form of checkpointing, without gradient. The repetition happens while the backward pass runs.
        """
        hooked = torch._C._autograd._top_saved_tensors_default_hooks(True) is not None  # pyright: ignore
        if hooked or not torch.is_grad_enabled() or _is_going_backward():
            return None
        return self.generator

    def __getstate__(self) -> dict[str, Any]:
        return {"rule": self.rule, "on": self.on, "seed": self._seed, "state": self._generator.get_state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.rule, self.on, self.groups = state["rule"], state["on"], None
        self._seed, self._generator = state["seed"], torch.Generator(device="cpu")
        self._generator.set_state(state["state"])


class Hook:
    """What is called after the forward pass of a module, or before that of the whole network.

    Args:
        slot: where it is.
        shared: with the other hooks.
    """

    def __init__(self, slot: Slot, shared: Shared) -> None:
        self.name, self.kind, self.is_last = slot.name, type(slot.module).__name__, slot.is_last
        self.shared = shared
        self.p, self.never = 0.0, True
        self.gate = torch.zeros(
            (), device="cpu"
        )  # p as a tensor, so that a compiled graph need not be made again for another one
        self.passes = self.swaps = 0
        self.shape: tuple[int, ...] = ()

    def set_p(self, p: float) -> None:
        """Set the probability."""
        self.p, self.never = p, p == 0
        self.gate.fill_(p)

    def __call__(self, module: nn.Module, given: Any, output: Any = None) -> Any:
        """The changed output, or None, which leaves it as it is."""
        shared = self.shared
        if not module.training or not shared.on or self.never:
            return None
        x = given[0] if output is None else output
        if not isinstance(x, Tensor) or not x.is_floating_point():
            raise ValueError(
                f"{self.name} gives no tensor of numbers to swap statistics of: leave it out of the layers"
            )
        rule = shared.rule
        if len(x) < 2 or places(x, rule.dims, rule.windows) < 2:
            return None
        if torch.compiler.is_compiling():
            made = swapped(x, rule, Chance(x.device, None, traced=True), shared.groups)
            return torch.where(torch.rand((), device=x.device) < self.gate.to(x.device), made, x)
        generator = shared.chance()
        swaps = torch.rand((), generator=generator, device="cpu").item() < self.p
        if not _is_going_backward():
            self.shape = tuple(x.shape)
            self.passes += 1
            self.swaps += swaps
        return swapped(x, rule, Chance(x.device, generator, traced=False), shared.groups) if swaps else None


class InputHook(Hook):
    """The same before the whole network, of its first argument."""

    def __call__(self, module: nn.Module, given: Any, output: Any = None) -> Any:
        """The changed arguments, or None."""
        del output
        if not given:
            raise ValueError("the network was called without a positional argument, whose statistics are to be swapped")
        made = super().__call__(module, given)
        return None if made is None else (made, *given[1:])


class Handle:
    """What `apply_statswap` gives: the swaps of one network, to be set, stopped, looked at and taken away.

    Args:
        hooked: the modules that have hooks, with them.
    """

    def __init__(self, hooked: Sequence[tuple[nn.Module, Hook]]) -> None:
        self._hooked = list(hooked)
        self._shared = hooked[0][1].shared

    @property
    def generator(self) -> Generator:
        """Of all chance but that of compiled and of repeated passes."""
        return self._shared.generator

    @property
    def rule(self) -> Rule:
        """What is done."""
        return self._shared.rule

    def set_p(self, p: Probability) -> None:
        """Set the probability from now on; compiled networks need not be compiled again unless it becomes 0.

        Raises:
            ValueError: it does not lie in [0, 1], a name matches no slot, or the swaps were removed.
        """
        if not self._hooked:
            raise ValueError("these swaps were removed: apply_statswap makes others")
        _set(self._hooks, p)
        _warn(self._hooks)

    def set_groups(self, groups: Tensor | None) -> None:
        """Say of which class or domain each sample of the next batch is: (N,) on the device of the network."""
        self._shared.groups = groups

    def disable(self) -> None:
        """Swap nothing until `enable`."""
        self._shared.on = False

    def enable(self) -> None:
        """Swap again."""
        self._shared.on = True

    @contextlib.contextmanager
    def disabled(self) -> Iterator[None]:
        """Swap nothing in a block."""
        before, self._shared.on = self._shared.on, False
        try:
            yield
        finally:
            self._shared.on = before

    def remove(self) -> None:
        """Take the hooks away; the network is as it was before."""
        for module, hook in self._hooked:
            for there in (module._forward_hooks, module._forward_pre_hooks):
                for key in [key for key, one in there.items() if one is hook]:
                    del there[key]
        self._hooked = []

    def report(self) -> list[SlotReport]:
        """What happened at every slot so far."""
        return [SlotReport(hook.name, hook.kind, hook.p, hook.passes, hook.swaps, hook.shape) for hook in self._hooks]

    def get_state(self) -> Tensor:
        """Of the generator, to go on with later."""
        return self.generator.get_state()

    def set_state(self, state: Tensor) -> None:
        """Go on from a state."""
        self._shared.go_on(state)

    @property
    def _hooks(self) -> list[Hook]:
        return [hook for _, hook in self._hooked]


def apply_padain(
    net: nn.Module,
    p: Probability = 0.01,
    layers: Layers = "paper",
    *,
    partner: Partner = "permute",
    dims: Dims = "spatial",
    eps: float = 1e-5,
    depthwise: bool = True,
    seed: int | None = None,
) -> Handle:
    """Permuted AdaIN in a network, as published where nothing else is said; see `apply_statswap`."""
    hooks = _hook(net, Rule(partner=partner, dims=dims, eps=eps), p, layers, depthwise, seed)
    _warn([hook for _, hook in hooks])
    return Handle(hooks)


def apply_statswap(
    net: nn.Module,
    rule: RuleName = "padain",
    *,
    p: Probability = 0.01,
    layers: Layers = "paper",
    partner: Partner = "permute",
    dims: Dims = "spatial",
    eps: float = 1e-5,
    alpha: float = 0.1,
    crop: float = 0.3,
    windows: int = 5,
    depthwise: bool = True,
    seed: int | None = None,
) -> Handle:
    """Swap statistics in a network while it trains.

    Args:
        net: any network; hooks go onto its modules, before it is compiled.
        rule: the way; see the module.
        p: of a swap at each slot in each pass.
        layers: the slots; see `slots`. Where the class is read from channel means, as at the last layers before global
            pooling, a swap is noise in the labels: take early layers for high p.
        partner: see `partners`; those across classes or domains need `Handle.set_groups` before every step.
        dims: what shares its moments: "spatial", "frames" (of clips, frame by frame, all frames with one partner) or
            "windows" (of text lines; TextAdaIN has eps = 1e-4).
        eps, alpha, crop, windows: see `swaps.Rule`.
        depthwise: whether layer presets take depthwise convolutions too.
        seed: of the handle's chance; None takes torch's. Each process of a distributed job has other chance from it.

    Returns:
        The handle, of which nothing need be kept.

    Raises:
        ValueError: an argument is out of range, the network is compiled already, or `layers` or the names of `p` mean
            no module.
    """
    made = Rule(name=rule, partner=partner, dims=dims, eps=eps, alpha=alpha, crop=crop, windows=windows)
    hooks = _hook(net, made, p, layers, depthwise, seed)
    _warn([hook for _, hook in hooks])
    return Handle(hooks)


def handle_of(net: nn.Module) -> Handle:
    """The handle of a network that has swaps, as one that was copied or unpickled; of several, the first.

    Raises:
        ValueError: it has none.
    """
    found = [
        (module, hook)
        for module in net.modules()
        for hook in (*module._forward_pre_hooks.values(), *module._forward_hooks.values())
        if isinstance(hook, Hook)
    ]
    if not found:
        raise ValueError("this network swaps no statistics: apply_statswap makes it")
    return Handle([(module, hook) for module, hook in found if hook.shared is found[0][1].shared])


def _hook(
    net: nn.Module, rule: Rule, p: Probability, layers: Layers, depthwise: bool, seed: int | None
) -> list[tuple[nn.Module, Hook]]:
    """Put hooks onto the modules of a network.

    Raises:
        ValueError: see `apply_statswap`.
    """
    if any(map(_is_compiled, net.modules())):
        raise ValueError("the network is compiled already, and would not notice: apply it before torch.compile")
    shared = Shared(rule, torch.initial_seed() if seed is None else seed)
    hooked: list[tuple[nn.Module, Hook]] = []
    for slot in slots.choose(net, layers, depthwise=depthwise):
        is_input = slot.module is net and slot.name == "input"
        hooked.append((slot.module, (InputHook if is_input else Hook)(slot, shared)))
    _set([hook for _, hook in hooked], p)
    for module, hook in hooked:
        if isinstance(hook, InputHook):
            module.register_forward_pre_hook(hook)
        else:
            module.register_forward_hook(hook)
    return hooked


def _is_compiled(module: nn.Module) -> bool:
    dynamo = sys.modules.get("torch._dynamo")  # nothing is compiled where it was not imported
    return module._compiled_call_impl is not None or (dynamo is not None and isinstance(module, dynamo.OptimizedModule))


def _set(hooks: Sequence[Hook], p: Probability) -> None:
    """Set the probability of every slot.

    Raises:
        ValueError: see `Handle.set_p`.
    """
    for hook, value in zip(hooks, _each(p, [hook.name for hook in hooks]), strict=True):
        hook.set_p(value)


def _each(p: Probability, names: Sequence[str]) -> list[float]:
    """The probability of every slot.

    Raises:
        ValueError: see `Handle.set_p`.
    """
    given = {".*": p} if not isinstance(p, Mapping) else p
    for pattern, value in given.items():
        if not 0 <= value <= 1:
            raise ValueError(f"p must lie between 0 and 1, got {value}")
        if not any(re.fullmatch(pattern, name) for name in names):
            raise ValueError(f"p is given for {pattern!r}, which is none of the slots {', '.join(names[:4])}, ...")
    return [
        float(next((value for pattern, value in given.items() if re.fullmatch(pattern, name)), 0.0)) for name in names
    ]


def _warn(hooks: Sequence[Hook]) -> None:
    """Warn the caller of what called this of probabilities that are unwise."""
    total = sum(hook.p for hook in hooks)
    if total > MANY:
        warnings.warn(
            f"{total:.1f} swaps in every pass on average, p times {len(hooks)} slots: little is left to tell "
            "classes by; lower p or choose fewer layers",
            stacklevel=3,
        )
    if any(hook.is_last and hook.p > DEEP for hook in hooks):
        warnings.warn(
            "the last layer is among the slots: its channel means are what the class is read from, and swapping them "
            "makes noise of the labels; leave it out, as layers='early' does",
            stacklevel=3,
        )


def _rank() -> int:
    """Of this process in a distributed job, 0 elsewhere."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK", "0"))


def _is_going_backward() -> bool:
    return torch._C._current_graph_task_id() != -1
