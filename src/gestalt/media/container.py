"""Video and sound files, opened with care, for the modules that decode them.

1. Only regular files, read by FFmpeg as such: no name is taken for an address, a pattern or a playlist.
2. A closed list of formats. FFmpeg knows more, some of which take any text for a video, or open other files.
3. A file that is shorter than it says itself (MP4, MOV, WebM, Matroska, AVI, WAV) is refused before its first
   frame. Other formats do not say; there a missing end cannot be told from the end.
4. FFmpeg prints nothing meanwhile, and what a file does wrong is one sentence.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from gestalt.media.atomic import AnyPath, quoted
from gestalt.media.signatures import identify

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_T = TypeVar("_T")

_FORMATS = (
    "mov,matroska,avi,flv,mpegts,mpeg,mpegvideo,m4v,h264,hevc,obu,ivf,vc1,asf,ogg,nut,mxf,gxf,dv,rm,wtv,"
    "yuv4mpegpipe,mp3,aac,ac3,eac3,flac,wav,w64,aiff,au,caf,amr"
)
_AGAIN = "copy or download it again"


class _Quiet:
    """While any thread is inside, FFmpeg prints and logs nothing.

    Its log level belongs to the whole process: the first thread in sets it, the last one out puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        import av.logging

        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._level = av.logging.get_level()
                av.logging.set_level(None)

    def __exit__(self, *exception: object) -> None:
        import av.logging

        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._level is not None:
                av.logging.set_level(self._level)


quiet = _Quiet()
"""The one switch of this process: `with quiet: ...`, as often and as deep as needed."""


def quietly(steps: Iterator[_T]) -> Generator[_T, None, None]:
    """The same items; silence is kept while they are made, and not while the caller looks at them."""
    while True:
        with quiet:
            try:
                item = next(steps)
            except StopIteration:
                return
        yield item


def video_refusal(path: AnyPath, what: str, advice: str) -> ValueError:
    """The one sentence about a file that is no readable video, nor a picture, which is one of one frame."""
    expected = "a video such as MP4, WebM or GIF, a picture, or a folder of frames"
    return ValueError(f"{quoted(path)} {what}; expected {expected}: {advice}")


def sound_refusal(path: AnyPath, what: str, advice: str) -> ValueError:
    """The one sentence about a file that has no readable sound."""
    return ValueError(f"{quoted(path)} {what}; expected a file with sound such as MP4, WAV or MP3: {advice}")


def words(error: BaseException) -> str:
    """What FFmpeg or the system said, as a short part of a sentence."""
    text = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    text = " ".join(text.split()).split(": '")[0]  # PyAV repeats the name of the file
    return text.removeprefix("[Errno 1094995529] ").replace(". ", ", ").rstrip(".")[:80]


Refusal = Callable[[AnyPath, str, str], ValueError]


@contextlib.contextmanager
def opened(path: AnyPath, refusal: Refusal = video_refusal) -> "Iterator[InputContainer]":
    """Opens a video or sound file; close to no decoding happens.

    Args:
        path: the file; its ending does not matter.
        refusal: how to say what is wrong: `video_refusal` or `sound_refusal`.

    Yields:
        PyAV's container, closed at the end.

    Raises:
        ValueError: the file is missing, no readable regular file, of no known format, damaged or cut short.
    """
    import av

    with _open(path, refusal) as file:
        head = file.read(4096)
        length = os.fstat(file.fileno()).st_size
        declared = _declared_length(file, length)
    if not head:
        raise refusal(path, "is empty", _AGAIN)
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        with quiet:
            container = av.open(f"file:{os.fspath(path)}", "r", options=options, metadata_errors="replace")
    except Exception as error:  # on damaged bytes, FFmpeg has many
        what, advice = _unopened(head, length, declared)
        raise refusal(path, what, advice if refusal is video_refusal else "name a file that has sound") from error
    try:
        if declared > length:
            there = f"{length} of {declared} bytes are there, with {_whole_frames(container)} whole frames"
            raise refusal(path, f"is cut short ({there})", _AGAIN)
        yield container
    finally:
        with quiet:
            container.close()


def video_stream(container: "InputContainer", path: AnyPath) -> "VideoStream":
    """The first video stream, cover pictures of music apart.

    Raises:
        ValueError: there is none, or this FFmpeg has no decoder for it.
    """
    from av.stream import Disposition

    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        what = "holds sound only" if container.streams.audio else "holds no video"
        raise video_refusal(path, what, "name a file that has moving pictures")
    if streams[0].codec_context is None or not streams[0].codec_context.is_decoder:
        raise video_refusal(path, "has a coding that this FFmpeg does not know", "convert it to H.264 in MP4")
    return streams[0]


def audio_stream(container: "InputContainer") -> "AudioStream | None":
    """The first audio stream that can be decoded, None where there is none."""
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return streams[0] if streams and streams[0].codec_context.sample_rate > 0 else None


def has_index(container: "InputContainer") -> bool:
    """Whether the format lists its key frames by presentation time, so that a seek can be trusted."""
    return container.format.name.split(",")[0] in {"mov", "matroska"}


# -- before FFmpeg -----------------------------------------------------------------------------------------


def _open(path: AnyPath, refusal: Refusal) -> BinaryIO:
    """Opens a regular file; looks before it opens, since to open a pipe is to wait for its other end."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "is a link to a missing file" if os.path.islink(path) else "does not exist"
        raise refusal(path, what, "check the path") from error
    except PermissionError as error:
        raise refusal(path, "may not be read by this user", "change its permissions or copy it") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise refusal(path, f"cannot be opened ({words(error)})", "check the path") from error
    if stat.S_ISDIR(mode):
        raise refusal(path, "is a folder", "name one file in it")
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    raise refusal(path, f"is {kind}", "save it to a file first")


def _unopened(head: bytes, length: int, declared: int) -> tuple[str, str]:
    """What a file is that FFmpeg does not open, and what to do about it."""
    if declared > length:
        return f"is cut short ({length} of {declared} bytes are there)", _AGAIN
    what, advice = identify(head)
    if what == "is a video":
        return "is a video without its index, or damaged", f"{_AGAIN}, or let the recording finish"
    if what == "is not a picture of any known kind":
        return "is neither a video nor a picture of any known kind", "convert it to MP4 or PNG"
    return what, advice.replace("the picture itself", "the file itself")


def _declared_length(file: BinaryIO, length: int) -> int:
    """How many bytes the outermost boxes of a file claim to fill; 0 where the format does not say."""
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little")
        # Sizes at the limit mean unknown, and some programs count the header in.
        return size if size < 0xFFFFFFF0 else 0
    if head[:4] == b"\x1aE\xdf\xa3":
        return _matroska_length(file)
    boxes = {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"uuid"}
    end = 0
    while end + 8 <= length:
        file.seek(end)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if head[4:8] not in boxes or size < 8:  # 0: up to the end of the file
            return 0
        end += size
    return end


def _matroska_length(file: BinaryIO) -> int:
    """The end of the segment after the header of a Matroska or WebM file; 0 where it is open."""
    file.seek(4)
    header = _matroska_size(file)
    if header is None:
        return 0
    file.seek(header, os.SEEK_CUR)
    if file.read(4) != b"\x18\x53\x80\x67":
        return 0
    size = _matroska_size(file)
    return file.tell() + size if size is not None else 0


def _matroska_size(file: BinaryIO) -> int | None:
    """A number whose leading zero bits tell its length; all ones mean unknown."""
    first = int.from_bytes(file.read(1), "big")
    if first == 0:
        return None
    more = 8 - first.bit_length()
    value = int.from_bytes(bytes([first & (0x7F >> more)]) + file.read(more), "big")
    return None if value == (1 << (7 * (more + 1))) - 1 else value


def _whole_frames(container: "InputContainer") -> int:
    """How many frames of a cut video are there."""
    count = 0
    with quiet, contextlib.suppress(Exception):  # whatever happens at the cut, the count is what was before
        packets: Any = container.demux(video=0)
        for packet in packets:
            count += packet.size > 0 and not packet.is_corrupt
    return count
