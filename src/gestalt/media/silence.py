"""Quiet and strict decoders, without a trace in the rest of the process."""

import ctypes
import functools
import logging
import threading
import warnings
from typing import Any

from PIL import Image, ImageFile


class _Silence:
    """While any thread is inside, the decoders print nothing, and a truncated picture is an error.

    Python's warning filters, the log level of Pillow, the error printer of libtiff and Pillow's
    `LOAD_TRUNCATED_IMAGES` belong to the whole process. The first thread in sets them and the last one out
    puts them back: were each thread to save and restore for itself, two that overlap would restore in the
    wrong order. The lock guards the count only, so that decoding itself runs in parallel.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._log = logging.getLogger("PIL")

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._warnings = warnings.catch_warnings()
            self._warnings.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
            self._level = self._log.level
            self._log.setLevel(logging.CRITICAL + 1)
            self._printer = _set_libtiff_printer(None)
            # Many a training script asks Pillow to fill what is missing with grey. Touched only in that case.
            self._lenient = ImageFile.LOAD_TRUNCATED_IMAGES
            if self._lenient:
                ImageFile.LOAD_TRUNCATED_IMAGES = False

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside > 0:
                return
            if self._lenient:
                ImageFile.LOAD_TRUNCATED_IMAGES = True
            _set_libtiff_printer(self._printer)
            self._log.setLevel(self._level)
            self._warnings.__exit__(None, None, None)


silence = _Silence()
"""The one switch of this process: `with silence: ...`, as often and as deep as needed."""


def _set_libtiff_printer(printer: int | None) -> int | None:
    """Sets the C function with which libtiff prints errors to stderr (None: none); gives the one before.

    Pillow has no setting for it, but the function is found through Pillow's own library, which is linked to
    libtiff. Where it is not (another build), damaged TIFFs are chatty, and nothing else changes.
    """
    setter = _libtiff_setter()
    return setter(printer) if setter else None


@functools.cache
def _libtiff_setter() -> Any:
    try:
        setter = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):
        return None
    setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
    return setter
