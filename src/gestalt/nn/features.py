"""What trained networks see in pictures and clips: one grammar, `ARCH[:FILE]`, for every measure and method.

| ARCH | for | layers, the default in brackets | without FILE |
|---|---|---|---|
| `squeezenet` | images | conv1, [fire2], ... fire9, conv10 | downloaded from torchvision |
| `inception` | images | conv1a, conv2a, [conv2b], conv3b, conv4a | downloaded from torchvision |
| `vgg19` | images | relu1_1, relu1_2, [relu2_1], ... relu5_4 | downloaded from torchvision |
| `r3d18`, `r2plus1d_18` | clips | [stem], layer1, ... layer4 | downloaded from torchvision |
| `gabor` | images | level1, [level2], ... level5 | never trained: fixed filters (`nn.gabor`) |
| `pair` | images | level1, [level2], ... level5 | trained on the pictures at hand, in under a minute (`nn.pretext`) |
| `random` | both | conv1, [conv2] | never trained: fixed numbers, for tests and as a floor |

FILE is .npz, .safetensors or .pth / .pt, read without executing anything: a torchvision state dict, or for `squeezenet`
also one converted from Caffe. How a picture is prepared belongs to the architecture and its weights, never to the
caller: every extractor takes pictures in [-1, 1]. Nothing is resized, so a map has as many positions as the picture
gives it. Downloads go through torchvision and its cache; `GESTALT_OFFLINE=1` forbids them. Nothing ever falls back on
other weights.

The default layers are early ones, for the statistics of small patches: that of `inception` has the 64 channels before
its first pool, where SIFID is usually measured (with other weights, those of TensorFlow, so figures are not
comparable), that of `r3d18` the 64 channels of its first space-time convolution.

References:
    Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision. CVPR 2016.
    Tran, Wang, Torresani, Ray, LeCun, Paluri: A Closer Look at Spatiotemporal Convolutions for Action Recognition.
        CVPR 2018 (r3d18, r2plus1d_18).
    Simonyan, Zisserman: Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015 (vgg19).
"""

import dataclasses
import http.client
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gestalt.media.atomic import quoted
from gestalt.nn import gabor, pretext
from gestalt.nn.trunks import ARCHITECTURES, AS_IT_IS, LEVELS, Kind, Preparation, Stage, State, random_stages
from gestalt.nn.weights import read_tensors

BUILT_IN = ("gabor", "pair", "random")
"""Those that need no file and no download."""


@dataclass(frozen=True)
class Features:
    """A network as an extractor: pictures in, the maps of its layers out. `load` makes them.

    arch: as in the grammar.
    origin: where the weights are from.
    kinds: what it takes: "image" (B, 3, H, W), "clip" (B, 3, T, H, W), or both.
    layer: the one that a call returns.
    trunk: holds the weights, which are frozen; gradients flow to the pictures.
    stages: for each kind, the layers in order.
    preparation: of the pictures.
    usual: the default layer, which the name need not mention.
    """

    arch: str
    origin: str
    kinds: tuple[Kind, ...]
    layer: str
    trunk: nn.Module = field(repr=False)
    stages: Mapping[Kind, tuple[Stage, ...]] = field(repr=False)
    preparation: Preparation
    usual: str

    @property
    def name(self) -> str:
        """As reports print it: architecture, layer where it is not the usual one, and in brackets the weights."""
        return f"{self.arch}{'' if self.layer == self.usual else f' {self.layer}'} ({self.origin})"

    @property
    def names(self) -> tuple[str, ...]:
        """The layers in order."""
        return tuple(stage.name for stage in self.stages[self.kinds[0]])

    @property
    def least(self) -> int:
        """Height and width in pixels of the smallest picture that a call can take."""
        return _least(self.stages[self.kinds[0]][: self.names.index(self.layer) + 1])

    def __call__(self, x: Tensor) -> Tensor:
        """The map of `layer`.

        Args:
            x: (B, 3, H, W) or (B, 3, T, H, W), RGB in [-1, 1].

        Returns:
            (B, D, H', W') or (B, D, T', H', W').

        Raises:
            ValueError: it is of a kind that this network does not take, or too small.
        """
        return self.layers(x, (self.layer,))[self.layer]

    def layers(self, x: Tensor, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """The maps of several layers, from one pass that ends at the last of them.

        Args:
            x: as for a call.
            names: of the layers, in any order; None is all.

        Raises:
            ValueError: as for a call, or there is no such layer.
        """
        wanted = set(self.names if names is None else names)
        self._check(wanted)
        stages = self._stages(x)
        last = max((n for n, stage in enumerate(stages) if stage.name in wanted), default=-1)
        smallest = min(x.shape[-2:])
        needed = _least(stages[: last + 1])
        if smallest < needed:
            raise ValueError(
                f"{self.arch} at {stages[last].name} needs pictures of at least {needed} x {needed} pixels, got "
                f"{x.shape[-2]} x {x.shape[-1]}: take an earlier layer, or enlarge them"
            )
        x = self.preparation(x)
        maps: dict[str, Tensor] = {}
        for stage in stages[: last + 1]:
            x = stage.module(x)
            if stage.name in wanted:
                maps[stage.name] = x
        return maps

    def at(self, layer: str) -> "Features":
        """The same network, a call of which returns another layer.

        Raises:
            ValueError: there is no such layer.
        """
        self._check({layer})
        return dataclasses.replace(self, layer=layer)

    def levels(self, shorter: int) -> tuple[str, ...]:
        """Up to five layers, fine to coarse, for methods that look at pictures on several levels.

        Args:
            shorter: short side of the smallest picture in pixels; layers that it is too small for are left out.

        Raises:
            ValueError: it is too small for all of them.
        """
        usual = LEVELS.get(self.arch, self.names[:5])
        taken = tuple(name for name in usual if self.at(name).least <= shorter)
        if not taken:
            raise ValueError(
                f"{self.arch} needs pictures of at least {self.at(usual[0]).least} x {self.at(usual[0]).least} pixels, "
                f"got one with a side of {shorter}"
            )
        return taken

    def onward(self, x: Tensor, layer: str, until: str) -> Tensor:
        """The map of a layer from that of an earlier one.

        Args:
            x: (B, D, H, W), the map of `layer`, or any numbers of that shape.
            layer: an earlier layer.
            until: a later one.

        Raises:
            ValueError: there are no such layers.
        """
        self._check({layer, until})
        for stage in self.stages["image"][self.names.index(layer) + 1 : self.names.index(until) + 1]:
            x = stage.module(x)
        return x

    def by_frame(self) -> "Features":
        """An extractor of images, applied to every frame of a clip by itself, so that it cannot see motion.

        Raises:
            ValueError: this one does not take images.
        """
        if "image" not in self.kinds:
            raise ValueError(f"{self.arch} takes clips as they are, it has no features of single frames")
        stages = tuple(stage._replace(module=EachFrame(stage.module)) for stage in self.stages["image"])
        origin = f"{self.origin}, frame by frame"
        return dataclasses.replace(self, origin=origin, kinds=("clip",), stages={"clip": stages})

    def to(self, device: torch.device | str) -> "Features":
        """Move the network to a device, where the pictures must then be, too; returns itself."""
        self.trunk.to(device)
        return self

    def _check(self, names: set[str]) -> None:
        if unknown := sorted(names - set(self.names)):
            raise ValueError(f"{self.arch} has no layer {unknown[0]!r}: it has {', '.join(self.names)}")

    def _stages(self, x: Tensor) -> tuple[Stage, ...]:
        kind: Kind | None = {4: "image", 5: "clip"}.get(x.ndim)  # type: ignore[assignment]
        if kind not in self.kinds or x.shape[1] != 3 or not x.is_floating_point():
            shapes = {"image": "images (B, 3, H, W)", "clip": "clips (B, 3, T, H, W)"}
            raise ValueError(
                f"{self.arch} takes {' and '.join(shapes[k] for k in self.kinds)} of floats in [-1, 1], got "
                f"{tuple(x.shape)} of {x.dtype}"
            )
        return self.stages[kind]


class EachFrame(nn.Module):
    """A module of images, applied to clips frame by frame."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, D, T, H', W')."""
        return self.module(x.movedim(2, 1).flatten(0, 1)).unflatten(0, (x.shape[0], x.shape[2])).movedim(1, 2)


# -- from the grammar to an extractor ------------------------------------------------------------------------


def load(spec: str, pictures: Sequence[Tensor] = (), *, seed: int = 0) -> Features:
    """Make the extractor that `ARCH[:FILE]` names, on the CPU.

    Args:
        spec: an architecture of the table above, and after a colon a file of weights for it.
        pictures: (1, 3, H, W) in [-1, 1] each, what `pair` is trained on; not needed by the others.
        seed: of that training.

    Returns:
        The extractor, with frozen weights, in inference mode.

    Raises:
        ValueError: there is no such architecture; the file is missing, damaged or made for another architecture; or
            the weights had to be downloaded and there is no network, or `GESTALT_OFFLINE` forbids it; or `pair` is
            asked for where there are no pictures to train on.
    """
    name, colon, file = spec.partition(":")
    if name in BUILT_IN and colon:
        raise ValueError(f"{name!r} has no weights to load and takes no file, got {spec!r}")
    if name == "random":
        trunk, both = random_stages()
        return _built_in(name, "untrained, fixed seed", "conv2", trunk, both)
    if name == "gabor":
        trunk, stages = gabor.stages()
        return _built_in(name, "fixed filters", "level2", trunk, {"image": tuple(stages)})
    if name == "pair":
        if not pictures:
            raise ValueError("'pair' is trained on the pictures of an analogy, and here are none: take another")
        trunk, stages = pretext.train(pictures, seed=seed)
        return _built_in(name, "trained on the pair itself", "level2", trunk, {"image": tuple(stages)})
    if name not in ARCHITECTURES:
        raise ValueError(f"features are ARCH[:FILE] with ARCH one of {', '.join(available())}, got {spec!r}")
    if colon and not file:
        raise ValueError(f"features {spec!r} end in a colon: add the file of weights after it, or leave the colon away")
    arch = ARCHITECTURES[name]
    path, origin = (Path(file), Path(file).name) if file else _downloaded(name, arch.published())
    with torch.device("meta"):  # no memory, and no numbers drawn from torch's global generator
        trunk, stages = arch.build()
    state, preparation = arch.name_tensors(read_tensors(path))
    _fill(trunk, state, f"{quoted(path)} holds no weights of {name}", arch.expects)
    return Features(
        name, origin, (arch.kind,), arch.layer, trunk, {arch.kind: tuple(stages)}, preparation, usual=arch.layer
    )


def available() -> tuple[str, ...]:
    """The architectures of the grammar."""
    return (*ARCHITECTURES, *BUILT_IN)


def _built_in(
    name: str, origin: str, layer: str, trunk: nn.Module, stages: Mapping[Kind, tuple[Stage, ...]]
) -> Features:
    trunk.eval().requires_grad_(False)
    return Features(name, origin, tuple(stages), layer, trunk, stages, AS_IT_IS, usual=layer)


def _least(stages: Sequence[Stage]) -> int:
    """Height and width in pixels of the smallest picture that goes through all of them."""
    return max((stage.least for stage in stages), default=1)


def _fill(trunk: nn.Module, state: State, complaint: str, expects: str) -> None:
    """Give a network its weights and freeze it; what has no place in it is left out."""
    filled: State = {}
    for name, place in trunk.state_dict().items():
        if name not in state and name.endswith("num_batches_tracked"):  # counts training steps, not used
            filled[name] = torch.zeros((), dtype=torch.int64)
        elif name not in state:
            raise ValueError(f"{complaint}: there is no {name!r}; expected {expects}")
        elif state[name].shape != place.shape:
            raise ValueError(
                f"{complaint}: {name!r} has shape {tuple(state[name].shape)} instead of {tuple(place.shape)}; "
                f"expected {expects}"
            )
        else:
            filled[name] = state[name].to(place.dtype)
            if not bool(filled[name].isfinite().all()):
                raise ValueError(f"{complaint} that can be used: {name!r} is not finite; take another file")
    trunk.load_state_dict(filled, assign=True)
    trunk.eval().requires_grad_(False)


def _downloaded(name: str, published: Any) -> tuple[Path, str]:
    """The file of a torchvision weights enum, fetched where it is not there yet, and what reports say of it."""
    url: str = published.url
    path = Path(torch.hub.get_dir(), "checkpoints", url.rsplit("/", 1)[1])
    origin = f"torchvision {published.name}"
    if path.is_file():
        return path, origin
    instead = f"fetch {url} where there is a network and name it, {name}:FILE"
    if os.environ.get("GESTALT_OFFLINE", "") not in ("", "0"):
        raise ValueError(f"the weights of {name} are not here and GESTALT_OFFLINE forbids to download them: {instead}")
    begins = re.search(r"-([0-9a-f]{8,})\.", path.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=begins and begins[1], progress=False)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        raise ValueError(f"the weights of {name} could not be downloaded ({error}): {instead}") from error
    return path, origin
