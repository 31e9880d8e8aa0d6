"""S3D-G: separable 3D convolutions in inception blocks, each branch with a gate of its own; all frames are kept.

torchvision's S3D is the trunk, so its Kinetics weights fit, with two changes. Every branch is gated: its channels are
multiplied by a sigmoid of a linear map of their own means over space and time. And strides along time are taken out, so
that a clip of T frames has maps of T: what looks sped-up must be known frame by frame.

References:
    Xie, Sun, Huang, Tu, Murphy: Rethinking Spatiotemporal Feature Learning - Speed-Accuracy Trade-offs in Video
        Classification. ECCV 2018 (S3D-G).
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (without strides along time).
    Carreira, Zisserman: Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset. CVPR 2017 (inflation).
"""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor, nn

CHANNELS = 1024
"""Of the last map."""

OPEN = 4.0
"""Bias of a fresh gate: it lets through 0.98, so that weights of a network without gates do what they did."""


class Gate(nn.Module):
    """Channels times a sigmoid of a linear map of their means: (B, C, T, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x * self.linear(x.mean((2, 3, 4))).sigmoid()[:, :, None, None, None]


class S3DG(nn.Module):
    """(B, 3, T, H, W) in [-1, 1] -> (B, 1024, T, H / 32, W / 32), one more or less where not whole; H, W >= 32.

    Args:
        generator: of the weights: convolutions N(0, 2 / fan-in), gates near open.
    """

    def __init__(self, generator: Generator) -> None:
        from torchvision.models.video import s3d  # seconds to import, and the small trunk does without

        super().__init__()
        self.features = s3d(weights=None).features
        for block in self.features:
            for name in ("branch0", "branch1", "branch2", "branch3"):
                branch = getattr(block, name, None)
                if isinstance(branch, nn.Sequential):
                    convs = [module for module in branch.modules() if isinstance(module, nn.Conv3d)]
                    branch.append(Gate(convs[-1].out_channels))
        for module in self.features.modules():
            if isinstance(module, nn.Conv3d):
                module.stride = (1, module.stride[1], module.stride[2])
            if isinstance(module, nn.MaxPool3d):
                _keep_frames(module)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Conv3d):
                    fan_in = module.weight[0].numel()
                    module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                    if module.bias is not None:
                        module.bias.zero_()
                elif isinstance(module, Gate):
                    module.linear.weight.copy_(0.01 * torch.randn(module.linear.weight.shape, generator=generator))
                    module.linear.bias.fill_(OPEN)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return self.features(x)

    def load_kinetics(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of torchvision's S3D; gates stay fresh.

        Raises:
            ValueError: they are of another network.
        """
        trunk = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
        try:
            missing, unexpected = self.features.load_state_dict(trunk, strict=False)
        except RuntimeError as error:
            raise ValueError(f"these are not the weights of torchvision's s3d: {error}") from error
        lacking = [key for key in missing if ".linear." not in key]
        if lacking or unexpected or not trunk:
            counts = f"{len(lacking)} are missing and {len(unexpected)} unknown"
            raise ValueError(f"these are not the weights of torchvision's s3d: {counts}")

    @torch.no_grad()
    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of torchvision's GoogLeNet, the same network of pictures, and repeat it frame by frame.

        Its filters become those of each frame; those over time pass every frame through as it is, so that a clip of one
        frame, repeated, has the maps of that picture. Gates stay fresh. Its pixels lie in [-1, 1] as ours do.

        Raises:
            ValueError: they are of another network.
        """
        names = [key.removesuffix(".conv.weight") for key in state if key.endswith(".conv.weight")]
        names = [name for name in names if not name.startswith("aux")]
        layers = [module for module in self.features.modules() if isinstance(module, nn.Conv3d | nn.BatchNorm3d)]
        units = list(zip(layers[::2], layers[1::2], strict=True))  # every filter has its normalisation after it
        of_frames = [unit for unit in units if unit[0].weight.shape[2] == 1]
        try:
            for name, (conv, norm) in zip(names, of_frames, strict=True):
                conv.weight.copy_(_same_shape(state[f"{name}.conv.weight"][:, :, None], conv.weight))
                for key in ("weight", "bias", "running_mean", "running_var"):
                    wanted = norm.state_dict()[key]
                    wanted.copy_(_same_shape(state[f"{name}.bn.{key}"], wanted))
        except (ValueError, RuntimeError, KeyError) as error:
            raise ValueError(f"these are not the weights of torchvision's googlenet: {error}") from error
        for conv, norm in units:
            if conv.weight.shape[2] > 1:
                nn.init.dirac_(conv.weight)
                assert isinstance(norm, nn.BatchNorm3d)
                norm.reset_parameters()
                norm.weight.fill_((1 + norm.eps) ** 0.5)


def _same_shape(given: Tensor, wanted: Tensor) -> Tensor:
    if given.shape != wanted.shape:
        raise ValueError(f"expected a tensor of shape {tuple(wanted.shape)}, got {tuple(given.shape)}")
    return given


def _keep_frames(pool: nn.MaxPool3d) -> None:
    """Take the stride along time out of a pool."""
    (kernel, *kernels), (stride, *strides), (padding, *paddings) = (
        _three(value) for value in (pool.kernel_size, pool.stride, pool.padding)
    )
    if stride > 1:
        # A window of 2 frames has no middle: of such a pool one frame is left.
        odd = kernel % 2
        pool.kernel_size = (kernel if odd else 1, kernels[0], kernels[1])
        pool.padding = (padding if odd else 0, paddings[0], paddings[1])
        pool.stride = (1, strides[0], strides[1])


def _three(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value,) * 3 if isinstance(value, int) else tuple(value)
