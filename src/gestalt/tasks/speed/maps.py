"""Where in the picture a video looks slowed: colours over it, blue and green for normal, yellow and orange for slowed.

A place that runs at its own speed looks sped-up when the video is made faster; one in slow motion still looks normal.
So the video is looked at in versions a little faster than it is, and every place is asked by itself: the head of the
network, a linear map, is applied to the strongest features of a small window around it instead of those of the whole
frame. Places where nothing moves say nothing and get no colour.

    slowed(t, y, x) = sigmoid( - mean over versions of logit(window around y, x at t) )

Two passes: the network's answers, a few numbers a second; then the colours over the frames.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (spatially varying speediness; windows and versions are ours).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from gestalt.media import image
from gestalt.media.atomic import AnyPath
from gestalt.media.sheet import contact_sheet
from gestalt.media.video import VideoStream
from gestalt.media.video_writer import VideoWriter
from gestalt.run.service import NullRun
from gestalt.tasks.speed.config import Map
from gestalt.tasks.speed.footage import Footage, Frame, with_following
from gestalt.tasks.speed.model import Model
from gestalt.tasks.speed.predict import told
from gestalt.tasks.speed.scores import PLACE, STILL, Version, averaged, even_factors, show
from gestalt.tasks.speed.speednet import SpeedNet

FASTER = (1.25**2, 1.25**3, 1.25**4)
"""Speeds of the versions."""

STEP_S = 0.2
"""Seconds from one map to the next."""

AVERAGED = 5
"""Maps that each map is the mean of, itself in the middle."""

FEW = 4
"""Frames that are coloured at once: as real numbers each takes some ten times the memory."""

SHOWN = 6
"""Frames on the sheet."""

Floats = NDArray[np.floating]


class Maps(NamedTuple):
    """What every place looks like over time.

    times: (M,) in seconds.
    slowed: (M, h, w) chance of looking normal in versions that are faster, 0 to 1.
    moving: (M, h, w) whether something moves there.
    """

    times: NDArray[np.float64]
    slowed: Floats
    moving: NDArray[np.bool_]


def make(path: AnyPath, model: Model, settings: Map, *, run: NullRun = NullRun()) -> Maps:
    """Look at a video and keep outputs/map.mp4, a sheet of it, and the maps as map.npz.

    Args:
        path: the video.
        model: that is asked.
        settings: of looking and showing.
        run: keeps the results.

    Raises:
        ValueError: the video is missing or damaged.
    """
    footage = Footage(path, settings.side)
    factors = even_factors(FASTER, footage.info)
    maps = looked(told(footage, path, run), model.net, settings, factors)
    with run.file("map.npz", "the maps: times in seconds, slowed 0 to 1, moving") as file, file.open("wb") as opened:
        np.savez_compressed(opened, times=maps.times, slowed=maps.slowed.astype(np.float16), moving=maps.moving)
    stream = VideoStream(path, block=FEW, size=settings.size)
    kept: list[tuple[float, Tensor, Tensor]] = []
    # By time, as many files do not say how many frames they have.
    at = (np.arange(SHOWN) + 0.5) / SHOWN * maps.times[-1]
    count = 0
    with (
        run.file("map.mp4", "blue and green: normal; yellow and orange: slowed", kind="video") as file,
        VideoWriter(file, audio_from=path if stream.info.has_audio else None) as writer,
    ):
        for block in stream:
            shown = overlaid(block.frames, block.times_s, maps, settings.strength)
            writer.write(shown, block.times_s)
            for n, time in enumerate(block.times_s):
                if len(kept) < SHOWN and time >= at[len(kept)]:
                    kept.append((float(time), image.from_uint8(block.frames[n]), image.from_uint8(shown[n])))
                count += 1
        writer.end_s = stream.end_s
    if kept:
        rows = [[frame for _, frame, _ in kept], [colours for _, _, colours in kept]]
        sheet = contact_sheet(rows, row_labels=["frame", "map"], col_labels=[f"{time:.1f} s" for time, _, _ in kept])
        run.image("map.png", sheet, "some frames with their maps", kind="sheet")
    if maps.moving.any():
        run.measure(slowed=float(maps.slowed[maps.moving].mean()))
    run.measure(moving=float(maps.moving.mean()), frames=count)
    return maps


def looked(given: Iterable[Frame], net: SpeedNet, settings: Map, factors: Sequence[float] = FASTER) -> Maps:
    """What the network says of every place.

    Args:
        given: the frames of a video, one or more.
        net: that is asked, ready to judge.
        settings: of looking.
        factors: speeds of the versions.
    """

    @torch.inference_mode()
    def ask(clip: Tensor) -> Tensor:
        return net.cells(clip, settings.window)[0].float().cpu()

    @torch.inference_mode()
    def ask_change(clip: Tensor) -> Tensor:
        grey = F.avg_pool2d(clip[0] * 127.5, PLACE, 1, PLACE // 2, count_include_pad=False)
        change = (grey[:, 1:] - grey[:, :-1]).abs().amax(0)
        change = torch.cat([change[:1], change]) if len(change) else torch.zeros_like(grey[0])
        cells = net.cells(clip[:, :, :1]).shape[2:]
        return F.adaptive_max_pool2d(change, tuple(cells)).cpu()

    versions = [Version(net, factor, ask) for factor in factors]
    changes = Version(net, 1.0, ask_change)
    end = 0.0
    for frame, following in with_following(given):
        show(frame, following, (*versions, changes))
        end = frame.time
    for version in (*versions, changes):
        version.cut()
    times = np.arange(0, end + STEP_S / 2, STEP_S)
    logits = np.mean([binned(version, times) for version in versions], 0)
    slowed = 1 / (1 + np.exp(_averaged(logits)))
    return Maps(times, slowed.astype(np.float32), _averaged(binned(changes, times)) > 2 * STILL)


def binned(version: Version, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, h, w): the mean of what was said around every moment; where nothing was, what was before or 0."""
    at = np.concatenate([np.array(some) for some in version.times])
    said = np.concatenate([np.stack(some) for some in version.said if some])
    known = ~np.isnan(said[:, 0, 0])
    at, said = at[known], said[known]
    bins = np.clip(np.rint(at / STEP_S).astype(int), 0, len(times) - 1)
    counts = np.bincount(bins, minlength=len(times)).astype(np.float64)
    sums = np.zeros((len(times), *said.shape[1:]))
    np.add.at(sums, bins, said)
    found = sums / np.maximum(counts, 1)[:, None, None]
    for n in np.flatnonzero(counts == 0):
        found[n] = found[n - 1] if n else 0.0
    return found


def _averaged(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = maps.reshape(len(maps), -1)
    return np.stack([averaged(column, AVERAGED) for column in flat.T], 1).reshape(maps.shape)


# Blue, green, yellow, orange at 0, 1/3, 2/3, 1.
_RAMP = np.array([(40, 90, 220), (50, 190, 90), (250, 220, 40), (245, 120, 20)], np.float32)


def overlaid(frames: NDArray[np.uint8], times: NDArray[np.float64], maps: Maps, strength: float) -> NDArray[np.uint8]:
    """Frames (T, H, W, 3) at their times with the colours of the maps over them."""
    at = np.clip(np.interp(times, maps.times, np.arange(len(maps.times))), 0, len(maps.times) - 1)
    low = at.astype(int)
    high, share = np.minimum(low + 1, len(maps.times) - 1), (at - low)[:, None, None].astype(np.float32)
    size = frames.shape[1:3]
    slowed = _enlarged(maps.slowed[low] * (1 - share) + maps.slowed[high] * share, size)
    moving = maps.moving.astype(np.float32)
    opacity = strength * _enlarged(moving[low] * (1 - share) + moving[high] * share, size)[..., None]
    place = np.clip(slowed, 0, 1) * (len(_RAMP) - 1)
    lower = np.minimum(place.astype(int), len(_RAMP) - 2)
    part = (place - lower)[..., None]
    colours = _RAMP[lower] * (1 - part) + _RAMP[lower + 1] * part
    return np.clip(frames * (1 - opacity) + colours * opacity + 0.5, 0, 255).astype(np.uint8)


def _enlarged(maps: Floats, size: tuple[int, int]) -> Floats:
    return F.interpolate(torch.from_numpy(maps)[:, None], size, mode="bilinear", align_corners=False)[:, 0].numpy()
