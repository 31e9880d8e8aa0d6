"""Analogies of clips: every frame arranged like the clip, all of them with the look of one style, without flicker.

Two engines:

Patches of space and time (`by_patches`). The clip is a volume, and so is the style: a clip, or a picture that stands
still. A patch spans `DEPTH` frames, so what is pasted at one place must fit the frames before and after too, and
where the clip stands still the result does. Guidance ranks and recolouring see many frames at once. A long clip is
worked through in windows that overlap; where they do, one fades into the next, and each window starts from what the
last one left there. The memory is that of one window.

The pair network (`by_pair`). Only its training differs from that for pictures: each step sees one frame of the clip,
and a third fake, the frame itself with noise and mapped, is judged too (the self term). All frames are mapped with one
set of noise, which is all that makes them agree.

References:
    Benaim, Mokady, Bermano, Cohen-Or, Wolf: Structural Analogy from a Single Image Pair. Computer Graphics Forum 2020
        (the video variant).
    Haim, Feinstein, Granot, Shocher, Bagon, Dekel, Irani: Diverse Generation from a Single Video Made Possible.
        ECCV 2022 (nearest patches of space and time).
"""

import math
import statistics
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gestalt.media.atomic import AnyPath
from gestalt.media.sheet import contact_sheet
from gestalt.media.video import Block, VideoStream
from gestalt.media.video_writer import VideoWriter
from gestalt.metrics.flicker import flicker, standing_still
from gestalt.ops.pyramid import Size, fit_long_side, reduced
from gestalt.ops.resize import resize
from gestalt.ops.stats import match_histogram
from gestalt.run.service import NullRun
from gestalt.tasks.analogy import modes, pair, patch
from gestalt.tasks.analogy.config import Pair, Patch
from gestalt.tasks.analogy.measures import two_sided

DEPTH = 3
"""Frames in a patch."""

WINDOW, OVERLAP = 24, 6
"""Frames that are worked on together, and how many of them two windows share."""

MOST_SHOWN = 16
"""Frames of a clip that are kept to be measured and shown."""

MOST_FRAMES = 1500
"""Of a clip that the pair network is trained on, which it keeps in memory."""

SELF_WEIGHT = 1.0
"""The paper's lambda_self."""


class Piece(NamedTuple):
    """Some frames of a clip, finished: the clip's own and the result's (1, 3, T, H, W) in [-1, 1], and their times."""

    source: Tensor
    result: Tensor
    times_s: NDArray[np.float64]


def check(settings: Patch | Pair, clip: Size, style: Size, frames: int | None) -> None:
    """See that nothing is asked for that clips, or this one, do not have.

    Args:
        settings: of the engine.
        clip, style: (H, W) of either, in pixels.
        frames: of the clip, as far as its file says.

    Raises:
        ValueError: something is.
    """
    if isinstance(settings, Patch) and settings.sweep:
        raise ValueError("--sweep draws the dial of two pictures: leave it out for a clip")
    if isinstance(settings, Pair) and settings.mode == "sample":
        raise ValueError("--mode sample draws pairs of pictures: choose map or refine for a clip")
    if isinstance(settings, Pair) and frames is not None and frames > MOST_FRAMES:
        raise _too_long()
    given = torch.empty(1, 0, *clip), torch.empty(1, 0, *style)
    if isinstance(settings, Patch):  # the style enters nowhere: only the clip's pyramid counts
        patch.check(given[0], given[0], settings)
    else:
        pair.check(*given, settings)


def make(
    stream: Iterable[Block],
    style: Tensor,
    settings: Patch | Pair,
    *,
    seed: int = 0,
    run: NullRun = NullRun(),
    sound: AnyPath | None = None,
) -> None:
    """Give a clip the look of a style, and keep it as outputs/a2b.mp4 with the clip's own times.

    Args:
        stream: the clip, in blocks of frames; patches read it once and hold one window, the pair network reads it
            twice and holds it whole, at working size.
        style: (1, 3, H, W) a picture, or (1, 3, T, H, W) a clip, in [-1, 1].
        settings: of the engine to use.
        seed: of all chance.
        run: keeps the video, the style, a sheet of some frames, and the measures.
        sound: a file whose sound the video gets, or None.

    Raises:
        ValueError: the settings do not fit the clip.
    """
    plane = fit_long_side(style.shape[-2:], settings.size)
    style = resize(style, (*style.shape[2:-2], *plane)).clamp(-1, 1)
    still = style if style.ndim == 4 else style[:, :, style.shape[2] // 2]
    run.image("b.png", still, "the style" if style.ndim == 4 else "the style, its middle frame")
    pieces = (
        by_patches(stream, style, settings, seed=seed, run=run)
        if isinstance(settings, Patch)
        else by_pair(stream, style, settings, seed=seed, run=run)
    )
    shown: list[Shown] = []
    stride, count = 1, 0
    change, still_change = Change(), Change()
    with (
        run.file("a2b.mp4", "the clip with the look of the style", kind="video") as path,
        VideoWriter(path, audio_from=sound) as writer,
    ):
        for piece in pieces:
            writer.write(piece.result, piece.times_s)
            change.add(piece.result, piece.source)
            still_change.add(piece.source, piece.source)
            for n in range(piece.result.shape[2]):
                if count % stride == 0:
                    shown.append(_frame(piece, n))
                    if len(shown) > MOST_SHOWN:  # of a long clip, every second of those so far, and fewer from here
                        shown, stride = shown[::2], 2 * stride
                count += 1
        if isinstance(stream, VideoStream):
            writer.end_s = stream.end_s
    _keep_measures(shown, still, run)
    for name, kept in (("a2b_flicker", change), ("a_flicker", still_change)):
        if kept.pixels:
            run.measure(**{name: kept.total / kept.pixels})


class Shown(NamedTuple):
    """One frame to measure and show: of the clip and of the result (1, 3, H, W) in [-1, 1], and its time."""

    source: Tensor
    result: Tensor
    time_s: float


class Change:
    """Flicker over pieces that follow each other, from the last frame of each to the first of the next too."""

    def __init__(self) -> None:
        self.total, self.pixels = 0.0, 0
        self._last: tuple[Tensor, Tensor] | None = None

    def add(self, result: Tensor, source: Tensor) -> None:
        """Take the next piece, (1, C, T, H, W) each."""
        last, self._last = self._last, (result[:, :, -1:].clone(), source[:, :, -1:].clone())
        if last is not None:
            result, source = torch.cat([last[0], result], dim=2), torch.cat([last[1], source], dim=2)
        if source.shape[2] > 1:
            pixels = int(standing_still(source).sum())
            if pixels:
                self.total += flicker(result, source) * pixels
                self.pixels += pixels


def _frame(piece: Piece, n: int) -> Shown:
    """One frame, copied, so that the rest of the piece can go."""
    return Shown(piece.source[:, :, n].clone(), piece.result[:, :, n].clone(), float(piece.times_s[n]))


def by_patches(
    stream: Iterable[Block], style: Tensor, settings: Patch, *, seed: int = 0, run: NullRun = NullRun()
) -> Iterator[Piece]:
    """Space-time patches, window by window.

    Args:
        stream, seed, run: as for `make`.
        style: (1, 3, H, W) or (1, 3, T, H, W) in [-1, 1], at working size.
        settings: of the patch engine; what is "auto" is measured on the first window's middle frame.

    Yields:
        The clip's frames in order, each once.
    """
    source = style if style.ndim == 5 else style[:, :, None].expand(-1, -1, DEPTH, -1, -1).contiguous()
    tail: Tensor | None = None
    for number, (frames, times_s, is_last) in enumerate(_windows(stream)):
        clip = as_clip(frames, settings.size).to(style.device)
        if number == 0:
            middle, still = clip[:, :, clip.shape[2] // 2], source[:, :, source.shape[2] // 2]
            if "auto" in (settings.guidance, settings.start):
                settings = patch.choose(middle, patch.prepare(middle, still, settings), settings, seed=seed)
                run.say(f"guidance {settings.guidance:g} and start level {settings.start} measured best")
                run.measure(a2b_guidance=float(settings.guidance), a2b_start=float(settings.start))
        given = patch.prepare(clip, source, settings)
        if tail is not None:
            given = given._replace(begin=_continued(given.begin, tail))
        depth = min(DEPTH, clip.shape[2])
        result = patch.synthesize_levels(given, settings, seed=seed, depth=depth, run=run, name=f"window {number}")
        if tail is not None:
            share = torch.linspace(0, 1, OVERLAP + 2, device=result.device)[1:-1].view(1, 1, -1, 1, 1)
            result[:, :, :OVERLAP] = torch.lerp(tail, result[:, :, :OVERLAP], share)
        count = clip.shape[2] if is_last else clip.shape[2] - OVERLAP
        yield Piece(clip[:, :, :count], result[:, :, :count], times_s[:count])
        tail = result[:, :, count:]


def by_pair(
    stream: Iterable[Block], style: Tensor, settings: Pair, *, seed: int = 0, run: NullRun = NullRun()
) -> Iterator[Piece]:
    """Train the pair network on the clip's frames and the style, then map every frame with the same noise.

    Args:
        stream, seed, run: as for `make`; the weights are kept too.
        style: (1, 3, H, W) or (1, 3, T, H, W) in [-1, 1], at working size.
        settings: of the pair network; mode map or refine.

    Yields:
        The clip's frames in order, each once.

    Raises:
        ValueError: the clip has more than `MOST_FRAMES` frames, or the pyramid has no level `settings.start`.
    """
    blocks = []
    for block in stream:
        blocks.append(as_clip(block.frames, settings.size)[0].movedim(1, 0))
        if sum(map(len, blocks)) > MOST_FRAMES:
            raise _too_long()
    frames = torch.cat(blocks).to(style.device)
    styles = style if style.ndim == 4 else style[0].movedim(1, 0)
    chain_a, chain_b = pair.fit(frames, styles, settings, self_weight=SELF_WEIGHT, seed=seed, run=run)
    run.save("pair", {**chain_a.tensors("a"), **chain_b.tensors("b")})
    middle, still = frames[len(frames) // 2][None], styles[len(styles) // 2][None]
    run.image("a.png", middle, "the clip, its middle frame")
    start = settings.start
    if start == "auto":
        start = modes.best_start(middle, still, chain_b, settings, seed=seed)
        run.say(f"start level {start} measured best")
    run.measure(a2b_start=start)
    at = 0
    for block in stream:
        clip = frames[at : at + len(block.times_s)]
        at += len(clip)
        mapped = [modes.map_picture(frame[None], chain_b, start, seed=seed) for frame in clip]
        if settings.mode == "refine":
            mapped = [modes.refine(result, chain_b, seed=seed) for result in mapped]
        yield Piece(clip.movedim(0, 1)[None], torch.stack(mapped, dim=2), block.times_s)


def _too_long() -> ValueError:
    return ValueError(
        f"the pair network keeps the clip in memory, at most {MOST_FRAMES} frames, and this one has more; "
        "use --engine patch, which does not, or cut the clip"
    )


def as_clip(frames: NDArray[np.uint8], size: int) -> Tensor:
    """uint8 (T, H, W, 3) -> (1, 3, T, h, w) in [-1, 1] with a long side of at most `size`."""
    clip = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float().div_(127.5).sub_(1)
    return reduced(clip, size)


def _windows(stream: Iterable[Block]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float64], bool]]:
    """Frames and times of overlapping windows, and whether it is the last; never one of overlap alone."""
    frames, times_s = None, None
    for block in stream:
        frames = block.frames if frames is None else np.concatenate([frames, block.frames])
        times_s = block.times_s if times_s is None else np.concatenate([times_s, block.times_s])
        while len(frames) > WINDOW:
            yield frames[:WINDOW], times_s[:WINDOW], False
            frames, times_s = frames[WINDOW - OVERLAP :], times_s[WINDOW - OVERLAP :]
    if frames is not None and times_s is not None:
        yield frames, times_s, True


def _continued(begin: Tensor, tail: Tensor) -> Tensor:
    """The picture to begin with, its first frames replaced by what the window before made of them."""
    begin = begin.clone()
    begin[:, :, :OVERLAP] = resize(tail, (OVERLAP, *begin.shape[3:]))
    return begin


def _keep_measures(shown: list[Shown], still: Tensor, run: NullRun) -> None:
    """Medians over the frames shown, as far as they are finite, beside the nulls; a sheet of at most six of them."""
    rows = []
    for frame in shown:
        recoloured = match_histogram(frame.source, still)
        candidates = {"a2b": frame.result, "a2b_null_histogram": recoloured, "a2b_null_structure": frame.source}
        rows.append(two_sided(candidates, frame.source, still))
    for name, measured in rows[0].items():
        for key in measured:
            known = [row[name][key] for row in rows if math.isfinite(row[name][key])]
            run.measure(**{f"{name}_{key}": statistics.median(known) if known else math.nan})
    picked = shown[:: -(-len(shown) // 6)]
    sheet = contact_sheet(
        [[frame.source for frame in picked], [frame.result for frame in picked]],
        row_labels=["clip", "result"],
        col_labels=[f"{frame.time_s:.2f} s" for frame in picked],
        cell=min(256, max(64, *still.shape[2:])),
    )
    run.image("sheet.png", sheet, "Frames of the clip, and what became of them", kind="sheet")
