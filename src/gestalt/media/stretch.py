"""Sound at another speed, and at its own pitch: WSOLA, driven by the map of times itself.

Waveform similarity overlap-add (Verhelst and Roelands, ICASSP 1993). Let S(o) be the source sample that the map puts
at output sample o, and H the hop, 12 ms. Output block k, samples kH to (k+1)H, is a cross-fade between two readings
of the source: from c_k on, and up to c_{k+1}. Where c_{k+1} = c_k + H, the natural continuation, both are the same
and the block is a copy. Otherwise c_{k+1} is the place within 10 ms of S((k+1)H) where the sound before is most like
the sound that would have come. Every place is looked up in the map, so no error adds up, and the length is exact.

Two things are added to it.

1. Onsets (a knock, a consonant) are what the ear places in time. One that the map puts into block k, and that the
   natural continuation would misplace by more than 4 ms, is pinned: c_k and c_{k+1} = c_k + H are such that it is
   heard where the map puts it. Other grains keep off it, so that it is neither skipped nor heard twice.
2. A cross-fade of two sounds of correlation r is w a + (1 - w) b over sqrt(w^2 + (1 - w)^2 + 2 r w (1 - w)): the
   level of noise does not drop at the seams.

References:
    Verhelst and Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
    modification of speech", ICASSP 1993.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

_HOP_S = 0.012
_SEARCH_S = 0.010
"""With the hop: at speed v, a sound whose onset nobody saw is heard at most (1 - 1/v) 12 ms + 10 ms off its place."""

_TOLERANCE_S = 0.004
"""By how much an onset may be misplaced for the sake of one seam less."""

_COARSE_RATE = 8000  # the search looks at the sound at about this rate first, then at all samples close by
_FRAME_S = 0.002  # of the energies that onsets are seen in
_QUIET = 10  # frames before an onset
_RISE = 6.0  # that an onset is louder by than the loudest of them, in energy
_FLOOR = 1e-8  # mean square difference of neighbouring samples: nothing below is an onset
_GROUP = 16  # blocks made at once
_FARTHEST = 20  # hops that one block may look ahead for an onset

_FAST = {"reassoc", "contract", "nsz"}


def stretched(
    blocks: Iterable[NDArray[np.float32]], rate: int, source_s: NDArray[np.float64], shown_s: NDArray[np.float64]
) -> Iterator[NDArray[np.float32]]:
    """Plays sound at a varying speed, its pitch kept; holds less than a second of the output at any time.

    The sound of time `source_s[k]` is heard at time `shown_s[k]`, and between them linearly. Where the speed is 1
    the samples are the source's own. Meant for speeds from 1/4 to 8. All channels are cut at the same places.

    Args:
        blocks: float32 (channels, n) each, of any length; together the source from time 0 on.
        rate: samples per second, of the source and of the output.
        source_s, shown_s: float64 (K,), K >= 2, seconds, both strictly increasing.

    Yields:
        float32 (channels, m), together exactly `round((shown_s[-1] - shown_s[0]) * rate)` samples. Silence where
        the source has ended, and before its time 0.

    Raises:
        ValueError: the times do not increase or are not as many; or the blocks differ in channels.
    """
    if rate < 1:
        raise ValueError(f"expected a rate of at least 1 sample per second, got {rate}")
    source_s, shown_s = _times(source_s, shown_s)
    return _stretched(blocks, rate, source_s, shown_s)


def _times(source_s: NDArray[np.float64], shown_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    times = tuple(np.ascontiguousarray(each, np.float64) for each in (source_s, shown_s))
    if times[0].ndim != 1 or times[0].shape != times[1].shape or len(times[0]) < 2:
        raise ValueError(f"expected two or more times (K,) of each kind, got {times[0].shape} and {times[1].shape}")
    if not all(np.isfinite(each).all() and (np.diff(each) > 0).all() for each in times):
        raise ValueError("expected finite and strictly increasing times, in the source and as shown")
    return times


def _stretched(
    blocks: Iterable[NDArray[np.float32]], rate: int, source_s: NDArray[np.float64], shown_s: NDArray[np.float64]
) -> Iterator[NDArray[np.float32]]:
    hop, search, frame = (max(1, round(seconds * rate)) for seconds in (_HOP_S, _SEARCH_S, _FRAME_S))
    step = max(1, rate // _COARSE_RATE)
    grid = frame * step  # buffers start at multiples, so that results do not depend on the blocks
    before, after = 5 * hop + search + (_QUIET + 2) * frame + grid, 2 * hop + search + frame + grid
    length = round((shown_s[-1] - shown_s[0]) * rate)
    in_samples = source_s * rate
    fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(hop) + 0.5) / hop)).astype(np.float32)

    def marks(first: int) -> NDArray[np.int64]:
        """S((first + i)H) for the blocks of a group, the block after it, and the end of that."""
        shown = shown_s[0] + (first + np.arange(_GROUP + 2)) * (hop / rate)
        places = np.interp(shown, shown_s, in_samples)
        return np.rint(places).astype(np.int64)

    supply = iter(blocks)
    pieces: list[NDArray[np.float32]] = []
    start, stop, channels = 0, 0, None  # of the buffer, in source samples
    state = np.zeros(2, np.int64)  # c_k, and whether there is one yet
    for first in range(0, -(-length // hop), _GROUP):
        mark = marks(first)
        reach = int(np.minimum(mark[1:], mark[:-1] + _FARTHEST * hop).max()) + after
        low = (int(min(mark[0], state[0] if state[1] else mark[0])) - before) // grid * grid
        while stop < reach or channels is None:
            piece = next(supply, None)
            if piece is None:
                break
            if channels is not None and piece.shape[0] != channels:
                raise ValueError(f"expected blocks of {channels} channels as before, got {piece.shape[0]}")
            channels = piece.shape[0]
            stop += piece.shape[1]
            pieces.append(piece)
            while pieces and start + pieces[0].shape[1] <= low:
                start += pieces.pop(0).shape[1]
        channels = channels or 1
        buffer = np.zeros((channels, -(-(reach - low) // grid) * grid), np.float32)
        at = start
        for piece in pieces:
            left, right = max(at, low), min(at + piece.shape[1], low + buffer.shape[1])
            if left < right:
                buffer[:, left - low : right - low] = piece[:, left - at : right - at]
            at += piece.shape[1]
        mono = buffer[0] if channels == 1 else buffer.mean(axis=0)
        coarse = mono.reshape(-1, step).mean(axis=1)
        onsets = _onsets(mono, frame, _QUIET, _RISE, _FLOOR)
        placed = np.interp((onsets + low) / rate, source_s, shown_s) - shown_s[0]
        places = np.rint(placed * rate).astype(np.int64) - first * hop
        state[0] -= low
        limits = frame, search, round(_TOLERANCE_S * rate), _FARTHEST * hop
        made = _joined(buffer, mono, coarse, step, mark - low, onsets, places, fade, *limits, state)
        state[0] += low
        yield made[:, : length - first * hop]
        while pieces and start + pieces[0].shape[1] <= low:
            start += pieces.pop(0).shape[1]


@njit(cache=True, nogil=True)
def _onsets(mono, frame, quiet, rise, floor):
    """The frames, by their first samples, that are louder than all before them for a while, high tones above all."""
    count = len(mono) // frame
    energy = np.zeros(count, np.float32)
    for f in range(count):
        total = np.float32(0.0)
        for i in range(max(1, f * frame), (f + 1) * frame):
            gap = mono[i] - mono[i - 1]
            total += gap * gap
        energy[f] = total / np.float32(frame)
    found = np.empty(count, np.int64)
    seen = 0
    for f in range(quiet, count):
        if energy[f] > floor and energy[f] > rise * energy[f - quiet : f].max():
            found[seen] = f * frame
            seen += 1
    return found[:seen]


@njit(fastmath=_FAST, nogil=True)
def _likeness(signal, a, b, length):
    """Correlation of two stretches of a signal, without taking out their means; 0 in silence."""
    both, one, other = np.float32(0.0), np.float32(1e-12), np.float32(1e-12)
    a, b = np.uintp(a), np.uintp(b)
    for i in range(length):
        x, y = signal[a + np.uintp(i)], signal[b + np.uintp(i)]
        both += x * y
        one += x * x
        other += y * y
    return both / np.sqrt(one * other)


@njit(cache=True, nogil=True)
def _most_alike(mono, coarse, step, natural, low, high, aim, hop, search):
    """Where in low..high the hop of sound before is most like the one before `natural`; of equals, close to `aim`."""
    best, found = np.float32(-2.0), min(max(aim, low), high)
    template, length = (natural - hop + step // 2) // step, max(1, hop // step)
    shift = natural - hop - template * step  # a place on the coarse grid stands for one this much later
    for j in range((low - hop - shift + step - 1) // step, (high - hop - shift) // step + 1):
        place = j * step + shift + hop
        score = _likeness(coarse, template, j, length) - np.float32(0.01 * abs(place - aim) / search)
        if score > best:
            best, found = score, place
    best, around = np.float32(-2.0), found
    for place in range(max(low, around - step), min(high, around + step) + 1):
        score = _likeness(mono, natural - hop, place - hop, hop) - np.float32(0.01 * abs(place - aim) / search)
        if score > best:
            best, found = score, place
    return found


@njit(cache=True, nogil=True)
def _joined(source, mono, coarse, step, marks, onsets, places, fade, frame, search, tolerance, farthest, state):
    """Blocks of output (channels, blocks * H), and in `state` where the last one ends.

    Args:
        source: (channels, n); mono: (n,) its mean; coarse: (n / step,) the mean of each step of that.
        marks: (blocks + 2,) S(kH), in samples of `source` as all places.
        onsets, places: (J,) where they are in `source`, and where the map puts them, in samples of this output.
        fade: (H,) rising from 0 to 1.
        frame, search, tolerance, farthest: in samples; an onset is somewhere in a frame.
        state: c_k, and whether there is one yet.
    """
    hop, blocks, channels = len(fade), len(marks) - 2, source.shape[0]
    out = np.empty((channels, blocks * hop), np.float32)
    here = state[0]
    if state[1] == 0:
        here = marks[0]
        for j in range(len(onsets)):
            if 0 <= places[j] < hop and onsets[j] <= marks[0] + farthest:
                here = onsets[j] - places[j]
                break
    for k in range(blocks):
        natural, aim, end = here + hop, marks[k + 1], (k + 1) * hop
        held, following = -1, -1
        least, most = aim - search, aim + search  # for c_{k+1}, so that it is near the map and off the onsets
        is_good = least <= natural <= most
        for j in range(len(onsets)):
            at = places[j]
            if at < end:
                least = max(least, onsets[j] + frame + hop)
                is_good = is_good and natural >= onsets[j] + frame + hop - tolerance
                if at >= end - hop and held < 0:
                    held = j
            else:
                most = min(most, onsets[j] - hop)
                is_good = is_good and natural <= onsets[j] - hop + tolerance
                if at < end + hop and following < 0 and onsets[j] <= aim + farthest:
                    following = j
        there = natural
        if held >= 0 and abs(onsets[held] - here - (places[held] - end + hop)) <= tolerance:
            pass  # this block is a copy, and the onset heard in its place
        elif following >= 0:
            pinned = onsets[following] - (places[following] - end)
            if abs(natural - pinned) > tolerance:
                there = pinned
        elif not is_good:
            if least > most:
                least, most = aim - search, aim + search
            there = _most_alike(mono, coarse, step, natural, least, most, aim, hop, search)
        _fade_over(source, here, there, fade, out[:, end - hop : end])
        here = there
    state[0], state[1] = here, 1
    return out


@njit(cache=True, nogil=True)
def _fade_over(source, here, there, fade, out):
    """One block (channels, H), which goes on from `here` and arrives at `there`."""
    hop, channels = len(fade), source.shape[0]
    arriving = there - hop
    if arriving == here:
        out[:] = source[:, here:there]
        return
    both, one, other = 0.0, 1e-12, 1e-12
    for c in range(channels):
        for i in range(hop):
            x, y = source[c, here + i], source[c, arriving + i]
            both += x * y
            one += x * x
            other += y * y
    alike = np.float32(min(max(both / np.sqrt(one * other), 0.0), 1.0))
    unit = np.float32(1.0)
    for i in range(hop):
        w = fade[i]
        v = unit - w
        gain = unit / np.sqrt(w * w + v * v + (alike + alike) * w * v)
        for c in range(channels):
            out[c, i] = gain * (v * source[c, here + i] + w * source[c, arriving + i])
