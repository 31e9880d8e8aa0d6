"""Sound in: samples on the clock of the video they belong to, and packets copied as they are.

Time 0 is when the first frame of the file is shown, as in `gestalt.media.video`; in a file of sound alone it is
the first sample. Sound that starts later is preceded by silence, sound that starts earlier is cut.
"""

import math
import os
from collections.abc import Generator, Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from gestalt.media.atomic import AnyPath
from gestalt.media.container import audio_stream, has_index, opened, quiet, quietly, sound_refusal, words
from gestalt.media.decoder import first_time
from gestalt.media.frames import is_picture

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream as CodedStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

_COPIED = {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}
"""Codings that MP4 holds and players know, by FFmpeg's names."""

_AAC_RATES = (48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 88200, 96000)
_AAC_BITS = 192_000  # a second

_PREROLL_S = 0.1  # decoders need what was before: AAC one packet, Opus 80 ms
_JITTER_S = 0.1  # time stamps are rounded; only larger jumps are gaps


class AudioStream:
    """The first sound track of a file as an iterable over blocks of samples; every iteration starts anew.

    Attributes:
        rate: samples per second, as in the file.
        channels: how many, as in the file.
    """

    def __init__(self, path: AnyPath, *, start_s: float = 0.0, stop_s: float | None = None) -> None:
        """Looks at the file; sound is decoded only when it is asked for.

        Args:
            path: a video or sound file.
            start_s: the time of the first sample, in seconds.
            stop_s: where to end; None for the end of the sound.

        Raises:
            ValueError: the times are out of range; or the file is missing, unreadable, damaged or silent.
        """
        if not (math.isfinite(start_s) and start_s >= 0 and (stop_s is None or start_s < stop_s < math.inf)):
            raise ValueError(f"expected 0 <= start < stop in seconds, got start={start_s} and stop={stop_s}")
        self._path, self._start_s, self._stop_s = path, start_s, stop_s
        with opened(path, sound_refusal) as container:
            stream = _sound_of(container, path)
            self.rate = stream.codec_context.sample_rate
            self.channels = stream.codec_context.layout.nb_channels

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Yields float32 (channels, n), mostly in [-1, 1], of any length n > 0.

        Sample k of all is heard at `start_s + k / rate`: exactly where the file counts samples (MP4, WAV), to
        the rounding of its clock elsewhere (1 ms in Matroska). Gaps of more than 0.1 s are filled with silence.
        With `stop_s` there are exactly `round((stop_s - start_s) * rate)` samples, silence after the end.

        Raises:
            ValueError: the file is damaged; then after the last good samples.
        """
        done = round(self._start_s * self.rate)
        end = None
        if self._stop_s is not None:
            end = done + round((self._stop_s - self._start_s) * self.rate)
        for at, samples in self._placed():
            yield from self._silence(at - done if end is None else min(at, end) - done)
            done = max(done, at if end is None else min(at, end))
            piece = samples[:, max(0, done - at) : None if end is None else max(0, end - at)]
            if piece.shape[1] > 0:
                yield piece
                done += piece.shape[1]
            if done == end:
                return
        if end is not None:
            yield from self._silence(end - done)

    def _silence(self, length: int) -> Iterator[NDArray[np.float32]]:
        while length > 0:
            yield np.zeros((self.channels, min(length, self.rate)), np.float32)
            length -= self.rate

    def _placed(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Decoded samples (channels, n), each with the number of its first sample by the video's clock."""
        from av.audio.resampler import AudioResampler

        shown = first_time(self._path)
        with opened(self._path, sound_refusal) as container:
            stream = _sound_of(container, self._path)
            tick = stream.time_base or Fraction(1, self.rate)
            if self._start_s > 1 and has_index(container):
                with quiet:
                    container.seek(math.floor(((shown or 0) + Fraction(self._start_s) - 1) / tick), stream=stream)
            to_float = AudioResampler(format="fltp")
            after: int | None = None
            for frame in _decoded(container, stream, self._path):
                if shown is None:
                    shown = (frame.pts or 0) * tick if not has_index(container) else Fraction(0)
                at = after
                if frame.pts is not None:
                    stamp = round((frame.pts * tick - shown) * self.rate)
                    if after is None or abs(stamp - after) > _JITTER_S * self.rate:
                        at = stamp
                at = at or 0
                for piece in to_float.resample(frame):
                    samples: NDArray[Any] = piece.to_ndarray()
                    yield at, samples
                    at += samples.shape[1]
                after = at


def read_audio(path: AnyPath, *, start_s: float = 0.0, stop_s: float | None = None) -> tuple[NDArray[np.float32], int]:
    """Reads the first sound track of a file at once.

    Args:
        path, start_s, stop_s: as for `AudioStream`, which holds no long file in the memory.

    Returns:
        float32 (channels, N), mostly in [-1, 1], and the samples per second. Sample k is heard at
        `start_s + k / rate`; with `stop_s`, N is exactly `round((stop_s - start_s) * rate)`.

    Raises:
        ValueError: as `AudioStream`.
    """
    stream = AudioStream(path, start_s=start_s, stop_s=stop_s)
    blocks = list(stream)
    empty = np.zeros((stream.channels, 0), np.float32)
    return np.concatenate(blocks or [empty], axis=1), stream.rate


def has_sound(path: AnyPath) -> bool:
    """Whether a video or sound file has a track that can be decoded; folders and pictures have none.

    Raises:
        ValueError: the file is missing, unreadable or damaged.
    """
    if os.path.isdir(path) or (os.path.isfile(path) and is_picture(path)):
        return False
    with opened(path, sound_refusal) as container:
        return audio_stream(container) is not None


def check_sound(path: AnyPath) -> None:
    """Decodes all of the sound, if there is any, and keeps nothing: some hundred times as fast as it plays.

    Raises:
        ValueError: the file is missing or unreadable, or its sound is damaged.
    """
    if has_sound(path):
        with opened(path, sound_refusal) as container:
            for _ in _decoded(container, _sound_of(container, path), path):
                pass


class AudioTrack:
    """The sound of one file as a track of an MP4 that is being written.

    Packets of AAC, MP3, AC-3, E-AC-3, ALAC, Opus and FLAC are copied byte by byte; any other sound becomes AAC
    of 192 kbit/s, of one or two channels. The track starts exactly at `start_s`: what of a copied packet lies
    before is hidden by MP4's edit list, which also hides 0.1 s that decoders need to warm up. It ends exactly
    where it is told to by its length in the file; players that do not look there may play the last packet to
    its end (21 ms of AAC at 48 kHz).
    """

    def __init__(self, path: AnyPath, output: "OutputContainer", *, start_s: float = 0.0) -> None:
        """Adds the track to `output`; its packets follow with `write_until`.

        Args:
            path: a file for which `has_sound` is true.
            output: an MP4 that no packet was written to.
            start_s: the time in the file that is heard at time 0 of the output, in seconds.

        Raises:
            ValueError: the file is unreadable, damaged or silent.
        """
        with opened(path, sound_refusal) as container:
            stream = _sound_of(container, path)
            coded = None
            if stream.codec_context.codec.canonical_name in _COPIED:
                with quiet:
                    coded = output.add_stream_from_template(stream)
        if coded is not None:
            self._begin(output, coded, _copied(path, start_s))
        else:
            source = AudioStream(path, start_s=start_s)
            coded = _aac_stream(output, source.rate, source.channels)
            self._begin(output, coded, _encoded(source, source.rate, source.channels, coded))

    @classmethod
    def of_samples(
        cls, blocks: Iterable[NDArray[np.float32]], rate: int, channels: int, output: "OutputContainer"
    ) -> Self:
        """A track of samples that are made while it is written, as AAC of one or two channels.

        Args:
            blocks: float32 (channels, n) each, heard from time 0 of the output on.
            rate, channels: of the blocks.
            output: an MP4 that no packet was written to.
        """
        track = cls.__new__(cls)
        coded = _aac_stream(output, rate, channels)
        track._begin(output, coded, _encoded(blocks, rate, channels, coded))
        return track

    def _begin(
        self, output: "OutputContainer", stream: "CodedStream", packets: "Generator[Packet[Any], None, None]"
    ) -> None:
        self._output, self._stream, self._packets = output, stream, packets
        self._next = next(packets, None)

    def write_until(self, stop_s: Fraction, *, is_last: bool = False) -> None:
        """Writes what ends by `stop_s`, in seconds of the output; the last call also what is cut off there."""
        while self._next is not None:
            packet = self._next
            tick = packet.time_base
            left = math.ceil((stop_s - (packet.pts or 0) * tick) / tick)
            lasts = packet.duration or 0
            if left <= 0 or (lasts > left and not is_last):
                break
            packet.duration = min(lasts, left)
            packet.stream = self._stream
            with quiet:
                self._output.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Closes the file that the sound comes from."""
        self._packets.close()


def _sound_of(container: "InputContainer", path: AnyPath) -> "CodedStream":
    stream = audio_stream(container)
    if stream is None:
        raise sound_refusal(path, "has no sound", "name a file with a sound track")
    return stream


def _decoded(container: "InputContainer", stream: "CodedStream", path: AnyPath) -> "Iterator[AudioFrame]":
    count = 0
    try:
        for frame in quietly(container.decode(stream)):
            yield frame
            count += frame.samples
    except Exception as error:  # on damaged bytes, FFmpeg has many
        seconds = count / stream.codec_context.sample_rate
        what = f"has sound that is damaged or cut short after {seconds:.1f} s ({words(error)})"
        raise sound_refusal(path, what, "copy or download it again") from error


def _copied(path: AnyPath, start_s: float) -> "Generator[Packet[Any], None, None]":
    """The packets from `start_s` on, and a few before, with times from `start_s`."""
    shown = first_time(path)
    last: int | None = None
    with opened(path, sound_refusal) as container:
        stream = _sound_of(container, path)
        tick = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
        if shown is None:
            shown = (stream.start_time or 0) * tick
        shift = round((shown + Fraction(start_s)) / tick)
        if start_s > 1 and has_index(container):
            with quiet:
                container.seek(shift - math.ceil(1 / tick), stream=stream)
        for packet in quietly(container.demux(stream)):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.is_corrupt:
                continue
            stamp -= shift
            if (stamp + (packet.duration or 0)) * tick <= -_PREROLL_S or (last is not None and stamp <= last):
                continue
            packet.pts = packet.dts = last = stamp
            yield packet


def _aac_stream(output: "OutputContainer", rate: int, channels: int) -> "CodedStream":
    stream = output.add_stream("aac", rate=rate if rate in _AAC_RATES else 48000)
    stream.codec_context.layout = "mono" if channels == 1 else "stereo"
    stream.codec_context.bit_rate = _AAC_BITS
    return stream


def _encoded(
    blocks: Iterable[NDArray[np.float32]], rate: int, channels: int, stream: "CodedStream"
) -> "Generator[Packet[Any], None, None]":
    """Blocks (channels, n) as AAC."""
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler

    context = stream.codec_context
    layout = {1: "mono", 2: "stereo"}.get(channels) or f"{channels} channels"
    with quiet:
        context.open()
    to_aac = AudioResampler(format="fltp", layout=context.layout, rate=context.rate, frame_size=context.frame_size)
    position = 0
    for samples in blocks:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, position, Fraction(1, rate)
        position += samples.shape[1]
        for piece in to_aac.resample(frame):
            yield from stream.encode(piece)
    for piece in to_aac.resample(None):
        yield from stream.encode(piece)
    yield from stream.encode(None)
