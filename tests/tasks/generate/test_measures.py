"""The Frechet distances among the measures: which one, of what, and every refusal before there are samples."""

import dataclasses
import statistics
from pathlib import Path

import pytest

from gestalt.drawn.discs import bouncing
from gestalt.metrics.frechet import sifid, svfid
from gestalt.metrics.nulls import copies, mean_colours, shifted, shuffled_frames
from gestalt.nn.features import Features, load
from gestalt.tasks.generate import measures
from gestalt.tasks.generate.config import Patch, Sample, SinGan, VaeGan
from gestalt.tasks.generate.measures import frechet_by, measure

CLIP = bouncing(5, 24, 32)
PICTURE = CLIP[:, :, :1]


@pytest.fixture
def only(monkeypatch):
    """Lets `--features` name a network that takes one kind of input alone."""

    def use(kind) -> Features:
        features = load("random")
        features = dataclasses.replace(features, kinds=(kind,), stages={kind: features.stages[kind]})
        monkeypatch.setattr(measures, "load", lambda _: features)
        return features

    return use


def test_of_pictures_it_is_the_mean_sifid_and_near_nothing_for_a_copy():
    frechet = frechet_by("random", PICTURE.shape[2:])
    assert frechet is not None
    samples = mean_colours(PICTURE, 1) + shifted(PICTURE, 2)
    wanted = [sifid(sample[:, :, 0], PICTURE[:, :, 0], load("random")) for sample in samples]
    plain, found = measure(samples, PICTURE), measure(samples, PICTURE, frechet)
    assert found == {**plain, "sifid": statistics.mean(wanted)}
    assert wanted[0] > 10 * frechet(copies(PICTURE, 1), PICTURE)
    assert str(frechet) == "sifid with the features of random (untrained, fixed seed)"


def test_of_clips_it_is_svfid_and_says_where_it_cannot_see_motion(only):
    samples = shuffled_frames(CLIP, 2)
    frechet = frechet_by("random", CLIP.shape[2:])
    assert frechet is not None
    assert frechet.name == "svfid"
    assert frechet(samples, CLIP) == statistics.mean(svfid(sample, CLIP, load("random")) for sample in samples)
    only("image")
    blind = frechet_by("images", CLIP.shape[2:])
    assert blind is not None
    found = measure(samples, CLIP, blind)
    assert found["svfid_by_frame"] == pytest.approx(0, abs=1e-9)
    assert "frame by frame" in str(blind)
    assert "svfid" not in found
    assert frechet(samples, CLIP) > 1e-3


def test_a_picture_made_longer_is_a_clip():
    frechet = frechet_by("random", PICTURE.shape[2:], CLIP.shape[2:])
    assert frechet is not None
    assert frechet.name == "svfid"
    assert frechet([CLIP], PICTURE) > 0


def test_none_is_none():
    assert frechet_by(None, (1, 2, 2)) is None


def test_what_a_network_cannot_look_at_is_refused(only):
    with pytest.raises(ValueError, match=r"--features random needs pictures of at least 9 x 9 pixels, got 20 x 8: "):
        frechet_by("random", (1, 24, 32), (1, 20, 8))
    only("clip")
    with pytest.raises(ValueError, match=r"--features random looks at clips, and this is a picture: take .*squeezenet"):
        frechet_by("clips", (1, 24, 32))


@pytest.mark.parametrize("settings", [Patch, VaeGan, SinGan, Sample])
def test_the_file_of_weights_is_kept_as_an_absolute_path(settings):
    """So that a run can be resumed from another folder."""
    assert settings().features is None
    assert settings(features="random").features == "random"
    kept = settings(features="squeezenet:some/w.npz").features
    assert kept == f"squeezenet:{Path.cwd() / 'some' / 'w.npz'}"
    assert settings(features=kept).features == kept
    assert settings(features="squeezenet:~/w.npz").features == f"squeezenet:{Path.home() / 'w.npz'}"
    assert settings(features="squeezenet:").features == "squeezenet:"
