"""gestalt: structure-aware manipulation of images and videos from very few samples.

The names below are loaded on first use, so `import gestalt` is quick and imports no torch.

    read_image, write_image   files to tensors (1, 3, H, W) in [-1, 1] and back
    VideoStream, VideoWriter  clips of any length, block by block, with their times and sound
    make_analogy              B's appearance in A's arrangement, and the reverse, by patches
    train_analogy             the same by networks trained on the pair
    analogy_patch, analogy_pair   settings of either, by preset
    read_clip                 a whole clip to a tensor (1, 3, T, H, W) in [-1, 1]; a picture is a clip of one frame
    make_samples              new clips or pictures from one, by patches
    train_vaegan, train_singan    a model of one clip or picture, which draws samples of any size
    generate_patch, generate_vaegan, generate_singan  settings of these, by preset
    fit_anomaly               learn from a few good pictures what is good; its scorer judges others
    anomaly_patch, anomaly_transforms, anomaly_fused  settings of the ways to do so, by preset
    predict_speed             how sped-up a video looks over time, by a network as `speed_network` gives it
    adapt_speed               a video made shorter that stays natural
    speed_network             the network that comes along, or of a run of speed train
    speed_predict, speed_adapt    settings of these, by preset
    fit_transfer              learn what pictures of one side have and others lack; `transfer_model` is one of a run
    add_content, remove_content, swap_content   what such a model's `net` does to pictures
    transfer_mask, transfer_disentangle, transfer_intersection  settings of the ways to do so, by preset
    apply_padain, apply_statswap  statistics swapped between the samples of a batch, in any network
    train_classifier          a classifier that learns with it; `classifier` is one of a run
    classify_train            settings of it, by preset
    NullRun, Run              what a task is handed to keep its outputs: nothing, or a run folder
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gestalt.media.image import read as read_image
    from gestalt.media.image import write as write_image
    from gestalt.media.video import VideoStream, read_clip
    from gestalt.media.video_writer import VideoWriter
    from gestalt.nn.statswap import apply_padain, apply_statswap
    from gestalt.recipes import (
        analogy_pair,
        analogy_patch,
        anomaly_fused,
        anomaly_patch,
        anomaly_transforms,
        generate_patch,
        generate_singan,
        generate_vaegan,
        speed_adapt,
        speed_predict,
        transfer_disentangle,
        transfer_intersection,
        transfer_mask,
    )
    from gestalt.recipes_classify import classify_train
    from gestalt.run.folder import Run
    from gestalt.run.service import NullRun
    from gestalt.tasks.analogy.pair import make as train_analogy
    from gestalt.tasks.analogy.patch import make as make_analogy
    from gestalt.tasks.anomaly.model import fit as fit_anomaly
    from gestalt.tasks.classify.model import load as classifier
    from gestalt.tasks.classify.train import make as train_classifier
    from gestalt.tasks.generate.patch import make as make_samples
    from gestalt.tasks.generate.singan import fit as train_singan
    from gestalt.tasks.generate.vaegan import fit as train_vaegan
    from gestalt.tasks.speed.adapt import make as adapt_speed
    from gestalt.tasks.speed.model import wanted as speed_network
    from gestalt.tasks.speed.predict import make as predict_speed
    from gestalt.tasks.transfer.edits import add as add_content
    from gestalt.tasks.transfer.edits import remove as remove_content
    from gestalt.tasks.transfer.edits import swap as swap_content
    from gestalt.tasks.transfer.model import load as transfer_model
    from gestalt.tasks.transfer.model import make as fit_transfer

__all__ = [
    "NullRun",
    "Run",
    "VideoStream",
    "VideoWriter",
    "adapt_speed",
    "add_content",
    "analogy_pair",
    "analogy_patch",
    "anomaly_fused",
    "anomaly_patch",
    "anomaly_transforms",
    "apply_padain",
    "apply_statswap",
    "classifier",
    "classify_train",
    "fit_anomaly",
    "fit_transfer",
    "generate_patch",
    "generate_singan",
    "generate_vaegan",
    "make_analogy",
    "make_samples",
    "predict_speed",
    "read_clip",
    "read_image",
    "remove_content",
    "speed_adapt",
    "speed_network",
    "speed_predict",
    "swap_content",
    "train_analogy",
    "train_classifier",
    "train_singan",
    "train_vaegan",
    "transfer_disentangle",
    "transfer_intersection",
    "transfer_mask",
    "transfer_model",
    "write_image",
]

_HOMES = {
    "NullRun": ("gestalt.run.service", "NullRun"),
    "Run": ("gestalt.run.folder", "Run"),
    "VideoStream": ("gestalt.media.video", "VideoStream"),
    "VideoWriter": ("gestalt.media.video_writer", "VideoWriter"),
    "adapt_speed": ("gestalt.tasks.speed.adapt", "make"),
    "add_content": ("gestalt.tasks.transfer.edits", "add"),
    "analogy_pair": ("gestalt.recipes", "analogy_pair"),
    "analogy_patch": ("gestalt.recipes", "analogy_patch"),
    "anomaly_fused": ("gestalt.recipes", "anomaly_fused"),
    "anomaly_patch": ("gestalt.recipes", "anomaly_patch"),
    "anomaly_transforms": ("gestalt.recipes", "anomaly_transforms"),
    "apply_padain": ("gestalt.nn.statswap", "apply_padain"),
    "apply_statswap": ("gestalt.nn.statswap", "apply_statswap"),
    "classifier": ("gestalt.tasks.classify.model", "load"),
    "classify_train": ("gestalt.recipes_classify", "classify_train"),
    "fit_anomaly": ("gestalt.tasks.anomaly.model", "fit"),
    "fit_transfer": ("gestalt.tasks.transfer.model", "make"),
    "generate_patch": ("gestalt.recipes", "generate_patch"),
    "generate_singan": ("gestalt.recipes", "generate_singan"),
    "generate_vaegan": ("gestalt.recipes", "generate_vaegan"),
    "make_analogy": ("gestalt.tasks.analogy.patch", "make"),
    "make_samples": ("gestalt.tasks.generate.patch", "make"),
    "predict_speed": ("gestalt.tasks.speed.predict", "make"),
    "read_clip": ("gestalt.media.video", "read_clip"),
    "read_image": ("gestalt.media.image", "read"),
    "remove_content": ("gestalt.tasks.transfer.edits", "remove"),
    "speed_adapt": ("gestalt.recipes", "speed_adapt"),
    "speed_network": ("gestalt.tasks.speed.model", "wanted"),
    "speed_predict": ("gestalt.recipes", "speed_predict"),
    "swap_content": ("gestalt.tasks.transfer.edits", "swap"),
    "train_analogy": ("gestalt.tasks.analogy.pair", "make"),
    "train_classifier": ("gestalt.tasks.classify.train", "make"),
    "train_singan": ("gestalt.tasks.generate.singan", "fit"),
    "train_vaegan": ("gestalt.tasks.generate.vaegan", "fit"),
    "transfer_disentangle": ("gestalt.recipes", "transfer_disentangle"),
    "transfer_intersection": ("gestalt.recipes", "transfer_intersection"),
    "transfer_mask": ("gestalt.recipes", "transfer_mask"),
    "transfer_model": ("gestalt.tasks.transfer.model", "load"),
    "write_image": ("gestalt.media.image", "write"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gestalt' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__
