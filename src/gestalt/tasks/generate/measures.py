"""How good samples are: made of the input's patches, all of them, yet not it; as sharp and as lively as it.

No measure means anything alone. A cyclic shift of the input is as diverse as can be and pastes its patches rigidly; a
copy has perfect patches; a mean colour is close to some patch everywhere. So those of the cyclic shift stand beside.
"""

import statistics
from collections.abc import Sequence

from torch import Tensor

from gestalt.metrics import liveliness
from gestalt.metrics.diversity import diversity, novelty
from gestalt.ops.pyramid import fit_long_side
from gestalt.ops.resize import resize

PATCH_SIDE = 43
"""Longest side in pixels at which patches are compared, exactly; it is that of the published comparison."""

CLIP_PATCH, PICTURE_PATCH = (3, 5, 5), (1, 5, 5)
MOST_COMPARED = 3
"""Samples whose patches are compared."""


def measure(samples: Sequence[Tensor], source: Tensor) -> dict[str, float]:
    """Measure samples (1, 3, T, H, W), all of one size, against their source (1, 3, T', H', W'), any size.

    Returns:
        diversity, diversity_coarse: the index, as it is and with height and width reduced to a quarter; only where
        there are two samples or more.
        nnf_diversity: of the field of nearest patches, 0 for a rigid copy.
        coherence, completeness: mean squared distance of the samples' patches to their nearest of the source, and the
        reverse, in thousandths on a scale from 0 to 1 (patches of 3 x 5 x 5 at a longest side of 43 pixels).
        sharpness, motion: ratios to the source's; motion only for clips.
    """
    small = _small(source)
    patch = CLIP_PATCH if min(small.shape[2], samples[0].shape[2]) >= CLIP_PATCH[0] else PICTURE_PATCH
    compared = [_small(sample) for sample in samples[:MOST_COMPARED]]
    fields = [novelty(sample, small, patch) for sample in compared]
    backward = [novelty(small, sample, patch) for sample in compared]
    found = {
        "nnf_diversity": statistics.mean(field.diversity for field in fields),
        "coherence": statistics.mean(field.distance for field in fields) * 250,  # from squares of [-1, 1] units
        "completeness": statistics.mean(field.distance for field in backward) * 250,
        "sharpness": statistics.mean(liveliness.sharpness(sample, source) for sample in samples),
    }
    if min(source.shape[2], samples[0].shape[2]) > 1:
        found["motion"] = statistics.mean(liveliness.motion(sample, source) for sample in samples)
    if len(samples) > 1:
        found |= {"diversity": diversity(samples, source), "diversity_coarse": diversity(samples, source, shrink=4)}
    return found


def _small(clip: Tensor) -> Tensor:
    return resize(clip, (clip.shape[2], *fit_long_side(clip.shape[3:], PATCH_SIDE))).clamp(-1, 1)
