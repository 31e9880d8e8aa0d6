"""How different are generated samples, from each other and from what they were learned from?

Two questions, and neither answers the other:

- `diversity`: how much do samples differ among themselves? The index of this literature. Traps: it is blind to
  quality, since shuffled pixels, cyclic shifts and an untrained network (.45) pass it; and any noise raises it, so read
  its low-passed form (`shrink=4`) too. With N samples, let s_v be the standard deviation of grey voxel v over them:

      diversity = mean_v s_v / (standard deviation of all grey voxels of the input)

  Independent samples of a stationary source score 1 less the bias of small N. Both deviations are those of the
  population (ddof 0), as in the published figures: of N independent samples the mean of s_v is low by a factor near
  sqrt((N - 1) / N), .89 at N = 5, so compare equal N only.
- `novelty`: does a sample rearrange the source, or move large pieces of it as they are? Both show in the field of
  nearest patches: copying makes it piecewise constant, which compresses well.

References:
    Haim, Feinstein, Granot, Shocher, Bagon, Dekel, Irani: Diverse Generation from a Single Video Made Possible.
        ECCV 2022, supplement (the diversity index).
    Nikankin, Haim, Irani: SinFusion: Training Diffusion Models on a Single Image or Video. ICML 2023 (NNFDIV, NNFDIST).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gestalt.metrics.patches import mean_rms, nearest_field
from gestalt.ops.nearest import Search, exact
from gestalt.ops.patches import Patch, corners
from gestalt.ops.resize import resize
from gestalt.ops.stats import luminance

LEAST_DEVIATION = 2 / 255 / 12**0.5
"""Of the input in [-1, 1], below which it counts as constant: the deviation that rounding to 8 bits leaves, .0023."""


def diversity(samples: Tensor | Sequence[Tensor], source: Tensor, shrink: int = 1) -> float:
    """The diversity index of samples of one source.

    Args:
        samples: (N, C, *S) in [-1, 1], or N of (1, C, *S); C = 3 (sRGB) or 1 (grey), images or clips.
        source: (1, C, *S'), any size.
        shrink: reduce height and width of all of them by this factor before (antialiased, rounded up; time is kept).
            4 is the low-passed index, which pixel noise hardly moves.

    Returns:
        At least 0, and 0 for a single sample. Finite even where the source is constant: its deviation counts as at
        least `LEAST_DEVIATION`.

    Raises:
        ValueError: the samples have several sizes, or are none, or have other than 1 or 3 channels.
    """
    sizes = sorted({tuple(x.shape[1:]) for x in samples})
    if len(sizes) != 1:
        raise ValueError(f"diversity needs samples, all of one size, got {len(samples)} with sizes {sizes}")
    if not isinstance(samples, Tensor):
        samples = torch.cat(list(samples))
    ours, theirs = (_reduced(_grey(x), shrink).double() for x in (samples, source))
    deviation = ours.std(dim=0, correction=0).mean()
    return float(deviation) / max(float(theirs.std(correction=0)), LEAST_DEVIATION)


@dataclass(frozen=True)
class Novelty:
    """What the field of nearest patches, from a sample to its source, says.

    diversity: NNFDIV, zlib's bytes per number of the field; 0 is one rigid copy (any translation included), near 1 is
        chaos. Traps: noise has a chaotic field, so read it beside `distance`; an approximate search adds disorder of
        its own, so compare figures of one search only.
    distance: NNFDIST, mean over the sample's patches of the mean squared difference to the nearest, in squared [-1, 1]
        units (divide by 4 for [0, 1]).
    coherence: mean over the same patches of the root-mean-square difference: `metrics.patches.coherence` of this
        patch and search.
    """

    diversity: float
    distance: float
    coherence: float


def novelty(sample: Tensor, source: Tensor, patch: Patch | None = None, search: Search = exact) -> Novelty:
    """Measure how a sample is put together from pieces of its source. Not symmetric.

    Args:
        sample: (1, C, *S) in [-1, 1], an image or a clip.
        source: (1, C, *S'), any size.
        patch: (t, h, w), cut down to fit both; None is `metrics.patches.usual_patch`, 3x5x5 for clips. SinFusion's is
            3x3x3.
        search: `exact`, or an approximate one for large pictures.

    Raises:
        ValueError: they have unequal channels, or more than one sample.
    """
    field, of, _ = nearest_field(sample, source, patch, search)
    return Novelty(
        diversity=field_diversity(field.index, of),
        distance=float(field.distance.clamp(min=0).double().mean()),
        coherence=mean_rms(field),
    )


def field_diversity(index: Tensor, of: Patch) -> float:
    """NNFDIV: how badly a field compresses, as zlib's bytes per number of the field.

    The numbers are the displacements (match less position) along each axis, modulo 256 as the cast to 8 bits makes
    them, one axis after the other, row by row. An axis along which nothing can move is left out, so that images are
    not credited for their one frame.

    Args:
        index: (t, h, w) int64, for each position its match in the grid `of`, row by row.
        of: the grid of the source.

    Returns:
        A ratio from about 0 to about 1; tiny fields come out a little high, since zlib adds about ten bytes.
    """
    here = torch.meshgrid(*(torch.arange(n, device=index.device) for n in index.shape), indexing="ij")
    moves = [there - at for at, there in zip(here, corners(index, of).unbind(-1), strict=True)]
    moves = [move for move, n, m in zip(moves, index.shape, of, strict=True) if max(n, m) > 1]
    if not moves:
        return 0.0
    numbers = (torch.stack(moves) % 256).to(torch.uint8).cpu().numpy()
    return len(zlib.compress(numbers.tobytes(), 9)) / numbers.size


def _grey(x: Tensor) -> Tensor:
    if x.ndim < 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"diversity needs (B, C, *S) with 1 or 3 channels, got {tuple(x.shape)}")
    return x if x.shape[1] == 1 else luminance(x)


def _reduced(x: Tensor, shrink: int) -> Tensor:
    if shrink < 1:
        raise ValueError(f"diversity shrinks by a whole factor of at least 1, got {shrink}")
    return resize(x, [*x.shape[2:-2], *(-(-n // shrink) for n in x.shape[-2:])])
