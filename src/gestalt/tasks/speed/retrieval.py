"""Finding what moves alike: windows of T frames as vectors of length 1, nearest by the cosine between them.

Within one video, a short query is compared with all windows that come after it. Across videos, each is the mean of its
windows, again at length 1; of a neighbour the window that is most like the query is told, too. Where queries and corpus
are folders of class folders, what is found is counted: R@k is the part of the queries with one of their own class among
the first k, beside the same by colour histograms, and by chance. A video is never found as its own neighbour.

Videos are read window by window, each once, and of every query no more than its nearest is kept: a corpus may have any
number of videos of any length.

References:
    Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel: SpeedNet - Learning the Speediness in Videos. CVPR
        2020 (within a video, and across videos).
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gestalt.media import video
from gestalt.media.image import from_uint8
from gestalt.media.sheet import contact_sheet
from gestalt.run.service import NullRun
from gestalt.tasks.speed import footage
from gestalt.tasks.speed.config import Retrieve
from gestalt.tasks.speed.embedding import embed, unit, windows_of
from gestalt.tasks.speed.footage import RATE
from gestalt.tasks.speed.nulls import colours
from gestalt.tasks.speed.speednet import SpeedNet

RANKS = (1, 5, 10)
"""Of which R@k is told."""

CELL = 160
"""Longer side of frames on a sheet, in pixels."""

COLUMNS = ("query", "query_s", "rank", "path", "time_s", "similarity")


class Item(NamedTuple):
    """A video, and the class folder it lies in, "" where there is none."""

    path: Path
    label: str = ""


class Neighbour(NamedTuple):
    """Something found.

    path: of the video.
    time: where its window begins, in seconds.
    similarity: cosine, of the windows within a video and of the means across.
    """

    path: Path
    time: float
    similarity: float


class Found(NamedTuple):
    """Of one query, the nearest first.

    time: where the query begins, in seconds.
    window: where its window begins that is most like the whole of it, which is what neighbours are compared with.
    """

    query: Item
    time: float
    window: float
    neighbours: list[Neighbour]


def items(given: Path, videos: Sequence[Path]) -> list[Item]:
    """What was found in a folder, or the one video that was given; the folder itself is no class."""
    return [Item(path, "" if path.parent == given or path == given else path.parent.name) for path in videos]


def check(queries: Sequence[Item], settings: Retrieve, *, within_it: bool) -> None:
    """What can be known before anything is done.

    Args:
        queries: one or more, of which one that can be read is enough.
        settings: of the search.
        within_it: whether the one query is searched itself.

    Raises:
        ValueError: no query has a frame where it is to begin, or there is nothing after it to search.
    """
    reasons = []
    for one in queries:
        try:
            first_from(one.path, settings.start_s)
            break
        except ValueError as error:
            reasons.append(error)
    else:
        raise reasons[0] if len(queries) == 1 else unreadable(len(queries), reasons[0])
    if within_it:
        check_rest(queries[0].path, end_of(settings))


def unreadable(count: int, reason: object) -> ValueError:
    """The one sentence about queries that are of no use."""
    return ValueError(f"none of the {count} queries can be read: {reason}")


def make(
    queries: Sequence[Item],
    corpus: Sequence[Item],
    net: SpeedNet,
    settings: Retrieve,
    *,
    run: NullRun = NullRun(),
) -> list[str]:
    """Find the neighbours of queries, and keep neighbours.csv, a sheet of frames for each query, and measures.

    Args:
        queries: one, where there is no corpus.
        corpus: to be searched; without one, the rest of the query's video is.
        net: ready to judge, where it is to compute.
        settings: of the search.
        run: takes the loops, keeps the files.

    Returns:
        A sentence on each video that was left out since it cannot be read.

    Raises:
        ValueError: nothing can be compared.
    """
    if corpus:
        found, skipped = across(queries, corpus, net, settings, run=run)
    else:
        found, skipped = [within(queries[0], net, settings)], []
    lines = (
        [str(one.query.path), one.time, rank, str(near.path), round(near.time, 6), round(near.similarity, 6)]
        for one in found
        for rank, near in enumerate(one.neighbours[: settings.neighbours], 1)
    )
    with (
        run.file("neighbours.csv", "the nearest of every query", kind="table") as path,
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(lines)
    for n, one in enumerate(found[: settings.sheets]):
        caption = f"{one.query.path.name} and what is nearest to it"
        run.image(f"neighbours_{n:03d}.png", sheet(one, settings), caption, kind="sheet")
    run.measure(queries=len(found), videos=len(corpus) or 1, skipped=len(skipped))
    return skipped


# -- within a video ----------------------------------------------------------------------------------------


def within(query: Item, net: SpeedNet, settings: Retrieve) -> Found:
    """The windows after a stretch of a video that are most like it, none overlapping another.

    Raises:
        ValueError: the video cannot be read, ends before the stretch, or has no window after it.
    """
    path, stop, lasts = query.path, end_of(settings), settings.frames / RATE
    asked = described(path, net, settings, start_s=settings.start_s, stop_s=stop)
    check_rest(path, stop)
    times, near = [], []
    for window in windows_of(path, settings.frames, settings.side, start_s=stop):
        times.append(window.time)
        near.append(float(embed(net, window.clip, settings.side) @ asked.mean))
    order = sorted(range(len(near)), key=lambda n: -near[n])
    kept: list[int] = []
    for n in order:
        if len(kept) < settings.neighbours and all(abs(times[n] - times[m]) >= lasts - 0.5 / RATE for m in kept):
            kept.append(n)
    return Found(query, settings.start_s, asked.typical, [Neighbour(path, times[n], near[n]) for n in kept])


def end_of(settings: Retrieve) -> float:
    """Where the query within a video ends, in seconds."""
    return settings.start_s + (settings.length_s or settings.frames / RATE)


def check_rest(path: Path, stop: float) -> None:
    """Whether a video goes on after a query.

    Raises:
        ValueError: it does not, or is damaged there.
    """
    try:
        first_from(path, stop)
    except ValueError as error:
        if footage.duration(path, video.probe(path)) > stop + 1 / RATE:
            raise
        raise ValueError(
            f"nothing in {path} comes after the query, which ends at {stop:g} s: end it earlier"
        ) from error


# -- across videos -----------------------------------------------------------------------------------------


class Described(NamedTuple):
    """A video.

    windows: (N, C) each of length 1. times: (N,) when they begin, in seconds.
    mean, colours: (C,) and (512,), of length 1, the means over its windows.
    """

    windows: Tensor
    times: Tensor
    mean: Tensor
    colours: Tensor

    @property
    def typical(self) -> float:
        """Where the window begins that is most like the mean, in seconds."""
        return float(self.times[(self.windows @ self.mean).argmax()])


def described(
    path: Path, net: SpeedNet, settings: Retrieve, *, start_s: float = 0.0, stop_s: float | None = None
) -> Described:
    """Look at a video once.

    Raises:
        ValueError: it cannot be read, or ends before `start_s`.
    """
    found, times, seen = [], [], []
    for window in windows_of(path, settings.frames, settings.side, start_s=start_s, stop_s=stop_s):
        found.append(embed(net, window.clip, settings.side))
        seen.append(torch.from_numpy(colours(window.clip)))
        times.append(window.time)
    windows = torch.stack(found)
    at = torch.tensor(times, dtype=torch.float64)
    return Described(windows, at, unit(windows.mean(0)), unit(torch.stack(seen).mean(0)))


class Nearest:
    """Of each of Q queries the best so far, as rows of one table each.

    Args:
        count: Q.
        kept: of each query.

    Attributes:
        state: similarity, number of the video and a time in seconds, (Q, kept) each, the nearest first.
    """

    def __init__(self, count: int, kept: int) -> None:
        self.state: dict[str, Tensor] = {
            "similarity": torch.full((count, kept), -math.inf),
            "video": torch.full((count, kept), -1),
            "time": torch.zeros(count, kept, dtype=torch.float64),
        }

    def offer(self, similarity: Tensor, video: int, time: Tensor) -> None:
        """Take a video where it is among the best: its similarity to each query, (Q,), and a time for each."""
        given = {"similarity": similarity, "video": torch.full_like(similarity, video), "time": time}
        both = {name: torch.cat([old, given[name][:, None].to(old)], 1) for name, old in self.state.items()}
        order = torch.argsort(both["similarity"], dim=1, descending=True, stable=True)[:, :-1]
        for name, old in self.state.items():
            old.copy_(both[name].gather(1, order))


def across(
    queries: Sequence[Item], corpus: Sequence[Item], net: SpeedNet, settings: Retrieve, *, run: NullRun = NullRun()
) -> tuple[list[Found], list[str]]:
    """The videos of a corpus that are most like each query; and a sentence on each that cannot be read.

    Where all have classes, R@k goes to the run's measures. See `make`.

    Raises:
        ValueError: no query, or no video of the corpus, can be read.
    """
    stop = settings.start_s + settings.length_s if settings.length_s else None
    asked: dict[str, Any] = {"numbers": [], "windows": [], "means": [], "colours": [], "skipped": []}
    for step in run.steps("queries", len(queries), asked):
        try:
            one = described(queries[step].path, net, settings, start_s=settings.start_s, stop_s=stop)
        except ValueError as error:
            asked["skipped"].append(left_out(queries[step].path, error, run))
            continue
        asked["numbers"].append(step)
        asked["windows"].append(one.typical)
        asked["means"].append(one.mean)
        asked["colours"].append(one.colours)
    if not asked["numbers"]:
        raise unreadable(len(queries), asked["skipped"][0])
    means, hues = torch.stack(asked["means"]), torch.stack(asked["colours"])
    readable = [queries[n] for n in asked["numbers"]]
    own = [one.path.resolve() for one in readable]
    kept = max(settings.neighbours, *RANKS)
    by_motion, by_colours = Nearest(len(own), kept), Nearest(len(own), kept)
    searched: dict[str, Any] = {"motion": by_motion.state, "colours": by_colours.state, "read": [], "skipped": []}
    for step in run.steps("corpus", len(corpus), searched):
        path = corpus[step].path
        try:
            one = described(path, net, settings)
        except ValueError as error:
            searched["skipped"].append(left_out(path, error, run))
            continue
        searched["read"].append(step)
        times = one.times[(means @ one.windows.T).argmax(1)]
        itself = torch.tensor([path.resolve() == mine for mine in own])
        by_motion.offer((means @ one.mean).masked_fill(itself, -math.inf), step, times)
        by_colours.offer((hues @ one.colours).masked_fill(itself, -math.inf), step, times)
    if not searched["read"]:
        raise ValueError(f"none of the {len(corpus)} videos of the corpus can be read: {searched['skipped'][0]}")
    found = [
        Found(query, settings.start_s, asked["windows"][n], listed(by_motion, n, corpus))
        for n, query in enumerate(readable)
    ]
    candidates = [corpus[n] for n in searched["read"]]
    if all(one.label for one in (*readable, *candidates)):
        others = [listed(by_colours, n, corpus) for n in range(len(readable))]
        keep_recalls(found, others, candidates, run)
    return found, list(dict.fromkeys([*asked["skipped"], *searched["skipped"]]))


def left_out(path: Path, error: ValueError, run: NullRun) -> str:
    """Say that a video is left out, and why."""
    reason = str(error) if str(path) in str(error) else f"{path}: {error}"
    run.say(f"left out: {reason}")
    return reason


def listed(nearest: Nearest, query: int, corpus: Sequence[Item]) -> list[Neighbour]:
    """The neighbours of one query."""
    rows = zip(*(nearest.state[name][query].tolist() for name in ("similarity", "video", "time")), strict=True)
    return [Neighbour(corpus[n].path, time, near) for near, n, time in rows if near > -math.inf]


# -- measures ----------------------------------------------------------------------------------------------


def keep_recalls(
    found: Sequence[Found], by_colours: Sequence[Sequence[Neighbour]], candidates: Sequence[Item], run: NullRun
) -> None:
    """Tell R@k, that of colours, and that of chance."""
    label = {one.path: one.label for one in candidates}
    wanted = [one.query.label for one in found]
    measures: dict[str, float] = {}
    for k in RANKS:
        measures[f"recall_at_{k}"] = recall(wanted, ([label[n.path] for n in one.neighbours] for one in found), k)
        measures[f"colours_at_{k}"] = recall(wanted, ([label[n.path] for n in one] for one in by_colours), k)
        measures[f"chance_at_{k}"] = sum(by_chance(one.query, candidates, k) for one in found) / len(found)
    run.measure(**measures)
    run.say(
        f"R@1 {measures['recall_at_1']:.1%} of {len(found)} queries; by colours {measures['colours_at_1']:.1%}, chance "
        f"{measures['chance_at_1']:.1%}"
    )


def recall(wanted: Sequence[str], found: Iterable[Sequence[str]], k: int) -> float:
    """The part of the queries with their own class among the first k of what was found for them."""
    return sum(one in some[:k] for one, some in zip(wanted, found, strict=True)) / len(wanted)


def by_chance(query: Item, candidates: Sequence[Item], k: int) -> float:
    """How often k of the candidates, drawn without replacement, have the class of the query among them."""
    itself = query.path.resolve()
    others = [one.label for one in candidates if one.path.resolve() != itself]
    wrong = sum(label != query.label for label in others)
    k = min(k, len(others))
    return 1 - math.comb(wrong, k) / math.comb(len(others), k)


# -- sheets ------------------------------------------------------------------------------------------------


def sheet(found: Found, settings: Retrieve) -> Tensor:
    """The middle frames of the windows of a query and its neighbours that are alike, with captions, (1, 3, h, w)."""
    frame, time = middle_of(found.query.path, found.window, settings)
    cells, captions = [frame], [f"{found.query.path.name}, {time:.2f} s"]
    for near in found.neighbours[: settings.neighbours]:
        frame, time = middle_of(near.path, near.time, settings)
        cells.append(frame)
        captions.append(f"{near.similarity:.3f}: {near.path.name}, {time:.2f} s")
    return contact_sheet([cells], col_labels=["query", *map(str, range(1, len(cells)))], captions=[captions], cell=CELL)


def middle_of(path: Path, begin: float, settings: Retrieve) -> tuple[Tensor, float]:
    """The frame (1, 3, h, w) in the middle of a window, or the last before, in [-1, 1]; and its time in seconds."""
    middle = begin + settings.frames / RATE / 2
    shown = first_from(path, begin)
    for block in video.VideoStream(path, block=1, size=CELL, start_s=begin):
        if block.times_s[0] > middle + 1e-6:
            break
        shown = block
    return from_uint8(shown.frames[0]), float(shown.times_s[0])


def first_from(path: Path, start_s: float) -> video.Block:
    """The first frame of a video from a moment on, small.

    Raises:
        ValueError: there is none, or the video is missing or damaged.
    """
    return next(iter(video.VideoStream(path, block=1, size=CELL, start_s=start_s)))
