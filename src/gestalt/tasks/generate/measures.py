"""How good samples are: made of the input's patches, all of them, yet not it; as sharp and as lively as it.

No measure means anything alone. A cyclic shift of the input is as diverse as can be and pastes its patches rigidly; a
copy has perfect patches; a mean colour is close to some patch everywhere. So those of the cyclic shift stand beside.

What a network sees is compared where one is named (`frechet_by`): SIFID of pictures, SVFID of clips. A network that
takes single frames is blind to motion, and so its figure is called svfid_by_frame.
"""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from gestalt.metrics import liveliness
from gestalt.metrics.diversity import diversity, novelty
from gestalt.metrics.frechet import sifid, svfid
from gestalt.nn.features import Features, load
from gestalt.ops.nearest import exact, patchmatch
from gestalt.ops.pyramid import reduced

PATCH_SIDE = 43
"""Longest side in pixels at which patches are compared, exactly; it is that of the published comparison."""

CLIP_PATCH, PICTURE_PATCH = (3, 5, 5), (1, 5, 5)
MOST_COMPARED = 3
"""Samples whose patches are compared."""

MOST_EXACT = 20
"""Frames up to which all patches are compared with all; the time of that grows with their square, so that longer clips
are searched by PatchMatch, which overestimates distances a little."""


class Frechet(NamedTuple):
    """A Frechet distance of samples to their source.

    name: sifid, svfid, or svfid_by_frame.
    features: an extractor of images for the first, of clips for the others; frame by frame for the last.
    """

    name: str
    features: Features

    def __str__(self) -> str:
        """The name and whose features they are, as a report has it."""
        return f"{self.name} with the features of {self.features.name}"

    def __call__(self, samples: Sequence[Tensor], source: Tensor) -> float:
        """The mean over samples (1, 3, T, H, W), to the source (1, 3, T', H', W'); T = 1 for sifid."""
        if self.name == "sifid":
            return statistics.mean(sifid(sample[:, :, 0], source[:, :, 0], self.features) for sample in samples)
        return statistics.mean(svfid(sample, source, self.features) for sample in samples)


def frechet_by(spec: str | None, *sizes: Sequence[int]) -> Frechet | None:
    """The Frechet distance that `--features` asks for, ready before there are samples; None where it asks for none.

    Args:
        spec: ARCH[:FILE] as in `nn.features`, or None.
        sizes: (T, H, W) of the source and of the samples to come.

    Raises:
        ValueError: there is no such network, its weights are not to be had, or it does not take pictures or clips of
            these sizes.
    """
    if spec is None:
        return None
    features = load(spec)
    is_clip = max(time for time, *_ in sizes) > 1
    name = ("svfid" if "clip" in features.kinds else "svfid_by_frame") if is_clip else "sifid"
    if name == "sifid" and "image" not in features.kinds:
        raise ValueError(
            f"--features {features.arch} looks at clips, and this is a picture: take a network that looks at pictures, "
            "such as squeezenet"
        )
    if name == "svfid_by_frame":
        features = features.by_frame()
    _, height, width = min(sizes, key=lambda size: min(size[1:]))
    if min(height, width) < features.least:
        raise ValueError(
            f"--features {features.arch} needs pictures of at least {features.least} x {features.least} pixels, got "
            f"{height} x {width}: enlarge them, or measure without it"
        )
    return Frechet(name, features)


def measure(samples: Sequence[Tensor], source: Tensor, frechet: Frechet | None = None) -> dict[str, float]:
    """Measure samples (1, 3, T, H, W), all of one size, against their source (1, 3, T', H', W'), any size.

    Args:
        samples: in [-1, 1].
        source: in [-1, 1].
        frechet: one measure more.

    Returns:
        diversity, diversity_coarse: the index, as it is and with height and width reduced to a quarter; only where
        there are two samples or more.
        nnf_diversity: of the field of nearest patches, 0 for a rigid copy.
        coherence, completeness: mean squared distance of the samples' patches to their nearest of the source, and the
        reverse, in thousandths on a scale from 0 to 1 (patches of 3 x 5 x 5 at a longest side of 43 pixels), of the
        first `MOST_COMPARED` samples, as is nnf_diversity.
        sharpness, motion: ratios to the source's; motion only for clips.
        sifid, svfid or svfid_by_frame: where `frechet` is given, in squared units of its features.
    """
    small = _small(source)
    patch = CLIP_PATCH if min(small.shape[2], samples[0].shape[2]) >= CLIP_PATCH[0] else PICTURE_PATCH
    compared = [_small(sample) for sample in samples[:MOST_COMPARED]]
    search = exact if max(small.shape[2], samples[0].shape[2]) <= MOST_EXACT else patchmatch
    fields = [novelty(sample, small, patch, search) for sample in compared]
    backward = [novelty(small, sample, patch, search) for sample in compared]
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
    if frechet is not None:
        found[frechet.name] = frechet(samples, source)
    return found


def _small(clip: Tensor) -> Tensor:
    return reduced(clip, PATCH_SIDE)
