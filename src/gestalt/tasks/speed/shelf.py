"""Small frames of videos, kept once they were read, so that clips are taken of them without decoding anew.

Training takes thousands of clips of the same few videos, and to decode two seconds of one costs more than to learn
from them. What is kept is as large as the largest clips; the room is shared out to the videos in their order before
any is read, so that what a clip shows does not depend on which was asked for first.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray

from gestalt.media import video
from gestalt.media.video_info import fit
from gestalt.ops.resize import resize
from gestalt.tasks.speed.footage import RATE, Footage, Frame, even_step, long_side, stretch, taken

ROOM = 2**30
"""Bytes of frames that are kept, about two hours at 25 frames a second and 32 pixels."""


class Shelf:
    """Some videos, of which stretches can be taken; several threads may do so at once.

    Attributes:
        videos: paths and durations in seconds.

    Args:
        videos: as `clips.lasting` gives them.
        side: shorter side of the frames that are kept, in pixels; the largest that is asked for.
        room: bytes to keep frames in. Stretches of videos that find no room there are decoded each time.

    Raises:
        ValueError: as `media.video.probe`.
    """

    def __init__(self, videos: Sequence[tuple[Path, float]], side: int, *, room: int = ROOM) -> None:
        self.videos, self._side = videos, side
        self._kept: dict[Path, list[Frame]] = {}
        self._locks: dict[Path, Lock] = {}
        for path, lasts in videos:
            info = video.probe(path)
            needed = round(lasts * float(info.rate or RATE)) * 3 * side * long_side(info, side)
            if needed <= room:
                room, self._locks[path] = room - needed, Lock()

    def stretch(self, path: Path, start_s: float, count: int, side: int, *, step: int = 1) -> NDArray[np.uint8]:
        """The same as `footage.stretch` of one of the videos, `side` being at most that of the shelf.

        Raises:
            ValueError: as `VideoStream`.
        """
        if path not in self._locks:
            return stretch(path, start_s, count, side, step=step)
        info = video.probe(path)
        apart = even_step(step / RATE, info)
        some = (frame for frame in self._frames(path) if start_s <= frame.time < start_s + (count + 1) * apart)
        frames = np.stack([frame.pixels for frame in taken(some, apart)][:count])
        return smaller(frames, fit(info.height, info.width, long_side(info, side)))

    def _frames(self, path: Path) -> list[Frame]:
        with self._locks[path]:
            if path not in self._kept:
                self._kept[path] = list(Footage(path, self._side))
            return self._kept[path]


def smaller(frames: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(T, H, W, 3) -> the same with a height and a width."""
    if frames.shape[1:3] == size:
        return frames
    x = resize(torch.from_numpy(frames).permute(0, 3, 1, 2).float(), size)
    return x.clamp_(0, 255).round_().byte().permute(0, 2, 3, 1).contiguous().numpy()
