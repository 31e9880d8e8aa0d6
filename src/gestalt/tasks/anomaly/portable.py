"""A fitted scorer as one ONNX file, threshold and all, for machines without torch.

    image         (1, 3, H, W) float32, RGB in [0, 1], of the size that was asked for
    pred_score    (1,) float32 in [0, 1], 0.5 is the threshold
    pred_label    (1,) bool, whether the picture is anomalous
    anomaly_map   (1, 1, H, W) float32 in [0, 1]

Names and ranges are those of `anomaly score`. The file is refused if what it says differs from what torch says.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gestalt.media.atomic import AnyPath, replacing
from gestalt.ops.chance import seeded
from gestalt.ops.resize import resize
from gestalt.tasks.anomaly.model import Model

NAMES = ("pred_score", "pred_label", "anomaly_map")

OPSET = 20
"""Version of the operators."""

CLOSE = 1e-3
"""Largest difference of scores and maps, which lie in [0, 1], from those of torch."""


class Checked(NamedTuple):
    """How far what the file says is from what torch says, at most, on a few pictures."""

    score: float
    map: float


class Portable(nn.Module):
    """A scorer and its threshold as one function of the picture."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the module."""
        threshold = self.model.threshold
        score, map_ = self.model.scorer.judged(2 * image - 1)
        label = score > threshold.value
        return threshold.normalised(score).view(1), label.view(1), threshold.normalised(map_)


def write(path: AnyPath, model: Model, size: Sequence[int]) -> Checked:
    """Write a scorer for pictures of one size, and read it back with another program.

    Args:
        path: of the file.
        model: on the CPU.
        size: (H, W).

    Raises:
        ModuleNotFoundError: onnx, onnxscript or onnxruntime is not installed.
        ValueError: the file cannot be written, or the scorer does not take that size, or what the file says differs.
    """
    import onnx
    import onnxruntime

    scorer = Portable(model).eval()
    shown = pictures(size)
    with torch.no_grad():
        expected = [scorer(picture) for picture in shown]
        with _quietly():
            program = torch.onnx.export(
                scorer, (shown[0],), input_names=["image"], output_names=NAMES, opset_version=OPSET, dynamo=True
            )
    assert program is not None
    content = program.model_proto
    onnx.helper.set_model_props(content, {"gestalt": "anomaly", "threshold": repr(model.threshold.value)})
    onnx.checker.check_model(content)
    data = content.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    found = [session.run(NAMES, {"image": picture.numpy()}) for picture in shown]
    checked = Checked(*(max(_apart(a[n], b[n]) for a, b in zip(found, expected, strict=True)) for n in (0, 2)))
    if max(checked) > CLOSE:
        raise ValueError(
            f"the exported file says something else than this model, scores differ by up to {checked.score:.1e} and "
            f"maps by {checked.map:.1e}: it was not written; please report this"
        )
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)
    return checked


def pictures(size: Sequence[int]) -> list[Tensor]:
    """What the file is tried on, (1, 3, H, W) in [0, 1]: rough, smooth, and hardly anything, dark and light."""
    rough = torch.rand(1, 3, *size, generator=seeded(0))
    smooth = resize(torch.rand(1, 3, 4, 4, generator=seeded(1)), size).clamp(0, 1)
    return [rough, smooth, 0.2 + 0.05 * smooth, 0.7 + 0.1 * smooth + 0.02 * rough]


def _apart(found: Any, expected: Tensor) -> float:
    return float(np.abs(np.asarray(found) - expected.numpy()).max())


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter tells of its own workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
