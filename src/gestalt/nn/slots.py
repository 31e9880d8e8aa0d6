"""Where in a network statistics are swapped: the modules whose outputs a choice of layers means.

    all       every convolution but those of classification heads
    paper     all of them but shortcuts and the temporal half of (2+1)D pairs, as in the code behind the paper's results
    early     of these, the stem and the first half of the stages
    stem      of these, the first
    input     the input of the whole network
    a regular expression that the whole name of a module must match, as layer[12] or features\\.[0-3]\\..*
    a function of a module's name and the module that says whether it is meant

A stage is what stands beside others in the network: its children, and where these are fewer than four, the children of
the largest in place of it. The stem is the first.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from torch import nn

Layers = str | Callable[[str, nn.Module], bool]

PRESETS = ("all", "paper", "early", "stem", "input")
FEWEST_STAGES = 4
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
HEADS = re.compile(r"(classifier|head|heads|fc|aux|aux\d|aux_classifier|AuxLogits)")
"""Parts of names of classification heads."""

SHORTCUTS = {"downsample": ("conv1",), "shortcut": (), "skip": (), "proj": ("f", "layers")}
"""Names of shortcuts, and names one of which a sibling must then have: a `downsample` between stages is none."""

SQUEEZES = re.compile(r".*(SqueezeExc|SEModule|SELayer|SEBlock).*|SE")
"""Names of kinds of modules that see one place alone and weigh channels by it."""

WRAPPER = "module."
"""What wrappers for many devices put before every name."""


class Slot(NamedTuple):
    """A module after which, or before which if it is the whole network, statistics are swapped.

    name: of the module, without what wrappers add; "input" for the input.
    module: itself.
    is_last: whether it is the last convolution before the head that is no shortcut and does not weigh channels.
    """

    name: str
    module: nn.Module
    is_last: bool


def choose(net: nn.Module, layers: Layers, *, depthwise: bool = True) -> list[Slot]:
    """The slots of a network, in the order in which its modules were made.

    Args:
        net: any network, wrapped or not.
        layers: see the module.
        depthwise: whether convolutions of one channel each are taken too, by the presets.

    Raises:
        ValueError: there is no such module.
    """
    named = [(_plain(name), module) for name, module in net.named_modules() if name]
    parents = dict(named) | {"": _unwrapped(net)}
    body = [(name, part) for name, part in named if isinstance(part, CONVOLUTIONS) and not _is_head(name)]
    if layers == "input":
        return [Slot("input", net, is_last=False)]
    if isinstance(layers, str) and layers not in PRESETS:
        try:
            pattern = re.compile(layers)
        except re.error as error:
            raise ValueError(f"layers {layers!r} is no preset and no regular expression: {error}") from error
        found = [(name, part) for name, part in named if pattern.fullmatch(name)]
    elif callable(layers):
        found = [(name, part) for name, part in named if layers(name, part)]
    else:
        found = [one for one in body if depthwise or not _is_depthwise(one[1])]
        if layers != "all":
            found = [one for one in found if not (_is_shortcut(one[0], parents) or _is_temporal(one[1], one[0], named))]
        if layers == "stem":
            found = found[:1]
        if layers == "early":
            begun = _early(_unwrapped(net), {id(part) for _, part in found})
            found = [one for one in found if id(one[1]) in begun]
    if not found:
        few = ", ".join(name for name, _ in body[:4])
        raise ValueError(
            f"layers {layers!r} means no module of this network: choose {', '.join(PRESETS)}, or a regular expression "
            f"or function for names such as {few or 'those of its modules'}"
        )
    through = [part for name, part in body if not (_is_shortcut(name, parents) or _is_squeeze(name, parents))]
    last = through[-1] if through else None
    return [Slot(name, part, is_last=part is last) for name, part in found]


def _plain(name: str) -> str:
    return name.removeprefix(WRAPPER)


def _unwrapped(net: nn.Module) -> nn.Module:
    children = dict(net.named_children())
    if len(children) == 1 and f"{next(iter(children))}." == WRAPPER:
        return _unwrapped(next(iter(children.values())))
    return net


def _is_head(name: str) -> bool:
    return any(HEADS.fullmatch(part) for part in name.split("."))


def _is_depthwise(module: nn.Module) -> bool:
    return isinstance(module, CONVOLUTIONS) and module.groups == module.in_channels > 1


def _is_shortcut(name: str, parents: dict[str, nn.Module]) -> bool:
    parts = name.split(".")
    for n, part in enumerate(parts):
        if part in SHORTCUTS:
            siblings = {child for child, _ in parents[".".join(parts[:n])].named_children()}
            if not SHORTCUTS[part] or siblings & set(SHORTCUTS[part]):
                return True
    return False


def _is_squeeze(name: str, parents: dict[str, nn.Module]) -> bool:
    parts = name.split(".")
    above = (parents[".".join(parts[:n])] for n in range(1, len(parts)))
    return any(SQUEEZES.fullmatch(type(module).__name__) for module in above)


def _is_temporal(module: nn.Module, name: str, named: Sequence[tuple[str, nn.Module]]) -> bool:
    """Whether it looks along time alone, beside one that looks along space alone."""
    if not isinstance(module, nn.Conv3d) or module.kernel_size[0] < 2 or module.kernel_size[1:] != (1, 1):
        return False
    above = name.rpartition(".")[0]
    near = (part for other, part in named if other.startswith(f"{above}.") and isinstance(part, nn.Conv3d))
    return any(part.kernel_size[0] == 1 and max(part.kernel_size[1:]) > 1 for part in near)


def _early(net: nn.Module, wanted: set[int]) -> set[int]:
    """Of some convolutions those of the stem and of the first half of the stages."""
    stages = [*_holding(net.children(), wanted)]
    while len(stages) < FEWEST_STAGES:
        large = max(stages, key=lambda stage: len(_within(stage, wanted)), default=None)
        parts = [*_holding(large.children(), wanted)] if large is not None else []
        if large is None or not parts:
            break
        at = stages.index(large)
        stages[at : at + 1] = parts
    begun = stages[: 1 + (len(stages) - 1) // 2]
    return {one for stage in begun for one in _within(stage, wanted)}


def _holding(modules: Iterator[nn.Module], wanted: set[int]) -> Iterator[nn.Module]:
    return (module for module in modules if _within(module, wanted))


def _within(module: nn.Module, wanted: set[int]) -> list[int]:
    return [id(part) for part in module.modules() if id(part) in wanted]
