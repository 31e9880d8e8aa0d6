"""What is tested under which corruptions, and what mCE is the mean of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classify_folders import cifar_c, imagenet_c
from gestalt.run.service import NullRun
from gestalt.tasks.classify import network
from gestalt.tasks.classify.config import Test as Asked
from gestalt.tasks.classify.config import Train
from gestalt.tasks.classify.dataset import Labelled, find_corrupted
from gestalt.tasks.classify.evaluate import (
    EXTRA,
    Errors,
    ask,
    asked_of,
    check_reference,
    check_set,
    keep_errors,
    on_sets,
)
from gestalt.tasks.classify.pictures import Shelf


class Noted(NullRun):
    """A run that remembers."""

    def __init__(self) -> None:
        self.measures: dict[str, float] = {}
        self.said: list[str] = []

    def measure(self, **values: float) -> None:
        self.measures |= values

    def say(self, text: str) -> None:
        self.said.append(text)


def errors(**of: float) -> list[Errors]:
    """The same in two severities."""
    return [Errors(name, severity, error) for name, error in of.items() for severity in (1, 5)]


def test_mce_is_of_the_fifteen_and_extra_ones_stand_apart() -> None:
    run = Noted()
    keep_errors(errors(fog=0.2, jpeg_compression=0.4, **dict.fromkeys(EXTRA, 0.9)), None, run=run)
    assert run.measures["mce"] == pytest.approx(0.3)
    assert run.measures["mce_global"] == pytest.approx(0.2)
    assert run.measures["mce_local"] == pytest.approx(0.4)
    assert run.measures["mce_extra"] == pytest.approx(0.9)
    assert run.measures["error_spatter"] == pytest.approx(0.9)
    assert run.said == ["mCE 30.0% over 2 corruptions; 90.0% over 4 extra ones"]


def test_a_reference_divides_and_without_errors_is_left_out() -> None:
    run = Noted()
    keep_errors(errors(fog=0.2, snow=0.3, frost=0.1), errors(fog=0.4, snow=0.3, frost=0.0), run=run)
    assert run.measures == pytest.approx({"ce_fog": 0.5, "ce_snow": 1, "mce": 0.75, "mce_global": 0.5, "mce_local": 1})
    assert run.said[0] == "left out of mCE, as the reference makes no error there: frost"
    run = Noted()
    keep_errors(errors(fog=0.2), errors(fog=0.0), run=run)
    assert run.measures == {}
    assert run.said[-1] == "there is no mCE"


def test_a_reference_is_of_the_same_corruptions() -> None:
    check_reference(errors(fog=0.1), [("fog", 1), ("fog", 5)])
    with pytest.raises(ValueError, match="of other corruptions or severities"):
        check_reference(errors(fog=0.1), [("fog", 1)])


def test_what_is_asked_of_a_set_and_of_other_pictures(tmp_path: Path) -> None:
    found = find_corrupted(imagenet_c(tmp_path / "c"))
    assert asked_of(found, Asked()) == [("contrast", 1), ("contrast", 5), ("fog", 1), ("fog", 5)]
    assert asked_of(found, Asked(only=("fog",), severities=(5,))) == [("fog", 5)]
    assert asked_of(None, Asked(only=("fog",))) == [("fog", 1), ("fog", 3), ("fog", 5)]
    assert asked_of(None, Asked(clean=True)) == []
    for asked, words in (
        (Asked(clean=True), "leave it out"),
        (Asked(severities=(1, 4)), "has no severity 4"),
        (Asked(only=("rain",)), "no corruption 'rain' here: choose contrast, fog"),
    ):
        with pytest.raises(ValueError, match=words):
            asked_of(found, asked)


def test_pictures_of_a_set_are_seen_to_their_border(tmp_path: Path) -> None:
    """Bright borders, which the margin of training by zooming would cut off."""
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[0] = 255
    for name in ("disc", "bar"):
        (tmp_path / f"fog/1/{name}").mkdir(parents=True)
        Image.fromarray(picture).save(tmp_path / f"fog/1/{name}/0.png")
    found, settings = find_corrupted(tmp_path), Train(size=16, augment="zoom")
    assert found is not None

    class Border(torch.nn.Module):
        """Calls a picture with a bright border a disc, others a bar."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = (x[:, 0, 0, 0] > 1).float()
            return torch.stack([1 - bright, bright], 1)

    net = network.Classifier(Border())
    (one,) = on_sets(net, found, ("bar", "disc"), settings, [("fog", 1)], batch=4)
    assert one == Errors("fog", 1, 0.5)
    item = [Labelled(tmp_path / "fog/1/disc/0.png", 1, "")]
    assert ask(net, item, settings, shelf=Shelf(16), batch=4).argmax(1).tolist() == [0]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((), np.int64), "no row of whole numbers"),
        (np.zeros(0, np.int64), "no row of whole numbers"),
        (np.zeros((30, 1), np.int64), "no row of whole numbers"),
        (np.zeros(30, np.float32), "no row of whole numbers"),
        (np.full(30, -1), "or of others than the run's 3 classes"),
        (np.full(30, 3), "or of others than the run's 3 classes"),
        (np.zeros(25, np.int64), "for 25 labels"),
        (None, "cannot be read as an array"),
    ],
)
def test_labels_of_arrays_are_whole_numbers_of_classes(tmp_path: Path, labels: np.ndarray | None, words: str) -> None:
    root = cifar_c(tmp_path / "c", ("fog",))
    if labels is None:
        (root / "labels.npy").write_bytes(b"")
    else:
        np.save(root / "labels.npy", labels)
    found = find_corrupted(root)
    assert found is not None
    with pytest.raises(ValueError, match=words):
        check_set(found, ("a", "b", "c"))


def test_a_set_has_no_class_that_the_network_does_not_know(tmp_path: Path) -> None:
    found = find_corrupted(imagenet_c(tmp_path / "c"))
    assert found is not None
    check_set(found, ("bar", "disc", "square", "star"))
    with pytest.raises(ValueError, match="the class 'square'"):
        check_set(found, ("bar", "disc"))
