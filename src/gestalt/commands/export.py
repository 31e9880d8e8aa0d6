"""`gestalt export`: a finished run as one file for other programs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from gestalt.settings import wanted_size


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write what a run has learned into one file that other programs read; it is compared with the run first."""

    run: Path
    """Folder of a run of anomaly fit."""

    onnx: Path = Path()
    """The ONNX file to write: picture in, pred_score, pred_label and anomaly_map out. Must be given."""

    size: int | str = ""
    """Size in pixels of the pictures that it takes, HEIGHTxWIDTH such as 256x320, or a longest side; that of the first
    good picture if not given."""

    overwrite: bool = False
    """Replace the file if it exists."""

    json: bool = False
    """Print a JSON object instead of the path."""


def export(asked: Export) -> None:
    """Write the file and print where it is.

    Raises:
        ValueError: it is no run that can be exported, the file exists, or packages are missing.
    """
    wanted = wanted_size(asked.size) if asked.size != "" else None
    if asked.onnx == Path():
        raise ValueError("say where to write: --onnx FILE")
    if asked.onnx.is_dir() or not asked.onnx.absolute().parent.is_dir():
        raise ValueError(f"{asked.onnx} is a folder, or lies in none that exists: name a file in one that does")
    if asked.onnx.exists() and not asked.overwrite:
        raise ValueError(f"{asked.onnx} exists; choose another name, or say --overwrite to replace it")
    from gestalt.tasks.anomaly import descriptors, model, portable

    fitted = model.load(asked.run, "cpu")
    height, width = descriptors.fit(fitted.size, wanted) if isinstance(wanted, int) else wanted or fitted.size
    try:
        checked = portable.write(asked.onnx, fitted, (height, width))
    except ModuleNotFoundError as error:
        raise ValueError(
            f"export needs the package {error.name}: install gestalt with its extra, gestalt[export]"
        ) from error
    told = {"onnx": str(asked.onnx), "size": [height, width], "differences": checked._asdict()}
    print(json.dumps(told) if asked.json else asked.onnx)
