"""A lively clip with nothing in it that anybody owns: coloured discs that bounce over a ground."""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


def bouncing(frames: int = 13, height: int = 24, width: int = 40, seed: int = 0) -> Tensor:
    """(1, 3, T, H, W) in [-1, 1]: coloured discs that bounce over a gradient with some texture."""
    generator = Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    ground = torch.stack([y / height - 0.5, x / width - 0.5, 0.5 - y / height])
    grain = torch.randn(1, 3, max(1, height // 3), max(1, width // 3), generator=generator)
    texture = F.interpolate(grain, (height, width), mode="bicubic", antialias=True)[0]
    picture = ground + 0.2 * texture
    clip = []
    at = torch.rand(6, 2, generator=generator) * torch.tensor([height, width])
    speed = (torch.rand(6, 2, generator=generator) - 0.5) * 5
    colours = torch.rand(6, 3, generator=generator) * 1.8 - 0.9
    radii = 2.5 + 2 * torch.rand(6, generator=generator)
    for t in range(frames):
        frame = picture.clone()
        for n in range(6):
            v, u = (_bounced(at[n, a] + t * speed[n, a], side) for a, side in enumerate((height, width)))
            inside = (radii[n] + 0.5 - ((y - v).square() + (x - u).square()).sqrt()).clamp(0, 1)
            frame = frame + inside * (colours[n].view(3, 1, 1) - frame)
        clip.append(frame)
    return torch.stack(clip, dim=1)[None].clamp(-1, 1)


def _bounced(at: Tensor, side: int) -> Tensor:
    return side - (at % (2 * side) - side).abs()
