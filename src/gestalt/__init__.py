"""gestalt: structure-aware manipulation of images and videos from very few samples.

The names below are loaded on first use, so `import gestalt` is quick and imports no torch.

    read_image, write_image   files to tensors (1, 3, H, W) in [-1, 1] and back
    make_analogy              B's appearance in A's arrangement, and the reverse
    analogy_patch             settings of the patch engine, by preset
    NullRun, Run              what a task is handed to keep its outputs: nothing, or a run folder
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gestalt.media.image import read as read_image
    from gestalt.media.image import write as write_image
    from gestalt.recipes import analogy_patch
    from gestalt.run.folder import Run
    from gestalt.run.service import NullRun
    from gestalt.tasks.analogy.patch import make as make_analogy

__all__ = ["NullRun", "Run", "analogy_patch", "make_analogy", "read_image", "write_image"]

_HOMES = {
    "NullRun": ("gestalt.run.service", "NullRun"),
    "Run": ("gestalt.run.folder", "Run"),
    "analogy_patch": ("gestalt.recipes", "analogy_patch"),
    "make_analogy": ("gestalt.tasks.analogy.patch", "make"),
    "read_image": ("gestalt.media.image", "read"),
    "write_image": ("gestalt.media.image", "write"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gestalt' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
