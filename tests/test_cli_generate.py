"""`gestalt generate` and `gestalt study` as a user meets them: files, measures, refusals, resumption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from PIL import Image

from gestalt import cli
from gestalt.drawn.discs import bouncing
from gestalt.media.image import to_uint8
from gestalt.media.video import read_clip
from gestalt.media.video_writer import VideoWriter
from gestalt.run.folder import Run

SMALL = ("--preset", "tiny", "--threads", "1", "--quiet")
ONE = ("--threads", "1", "--quiet")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _file: None)
    threads, kernels = torch.get_num_threads(), numba.get_num_threads()
    yield
    torch.set_num_threads(threads)
    numba.set_num_threads(kernels)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A picture of 40 x 30 pixels, a mask for it, another picture, and a clip of 9 frames."""
    place = tmp_path_factory.mktemp("given")
    clip = bouncing(9, 30, 40)
    Image.fromarray(to_uint8(clip[:, :, 0])).save(place / "picture.png")
    Image.fromarray(to_uint8(bouncing(1, 36, 32, seed=1)[:, :, 0])).save(place / "other.png")
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 12:24] = 255
    Image.fromarray(mask).save(place / "mask.png")
    with VideoWriter(place / "clip.mp4", rate=10) as writer:
        writer.write(clip)
    return {path.stem: str(path) for path in place.iterdir()}


@pytest.fixture(scope="module", params=["vaegan", "singan"])
def trained(request, given, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp(request.param) / "run"
    argv = ["generate", "make", given["picture"], "--engine", request.param, *SMALL, "--out", str(path)]
    assert cli.run(argv) == 0
    return path


def run(*argv: str) -> Path:
    assert cli.run([*argv, "--out", "run"]) == 0
    return Path("run")


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert cli.run(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gestalt: ")
    assert err.count("\n") == 1
    return err


def names(path: Path) -> list[str]:
    listed = json.loads((path / "outputs" / "index.json").read_text())
    return [entry["path"] for entry in listed]


def test_pictures_by_patches(given):
    path = run("generate", "make", given["picture"], "-n", "3", *SMALL)
    assert names(path) == ["input.png", "sample_000.png", "sample_001.png", "sample_002.png", "sheet.png"]
    assert Image.open(path / "outputs" / "sample_000.png").size == (40, 30)
    metrics = json.loads((path / "metrics.json").read_text())
    wanted = {"diversity", "diversity_coarse", "nnf_diversity", "coherence", "completeness", "sharpness"}
    assert wanted | {f"null_shift_{key}" for key in wanted} | {"seconds", "peak_mb"} == set(metrics)
    assert "data:image/png" in (path / "report.html").read_text()


def test_features_add_a_frechet_distance_and_the_report_names_the_network(given):
    path = run("generate", "make", given["picture"], "--features", "random", *SMALL)
    metrics = json.loads((path / "metrics.json").read_text())
    assert metrics["sifid"] > 0
    assert metrics["null_shift_sifid"] > 0
    assert "sifid with the features of random (untrained, fixed seed)" in (path / "report.html").read_text()


def test_features_of_retargeted_clips(given):
    argv = ["generate", "retarget", given["clip"], "--size", "24x48", "--frames", "5", "--features", "random"]
    metrics = json.loads((run(*argv, *SMALL) / "metrics.json").read_text())
    assert {"svfid", "null_shift_svfid"} <= set(metrics)


@pytest.mark.parametrize("engine", ["patch", "vaegan", "singan"])
def test_features_that_are_not_to_be_had_are_refused_before_anything_is_computed(engine, given, capsys):
    def why(spec: str) -> str:
        return refused(capsys, "generate", "make", given["picture"], "--engine", engine, "--features", spec, *SMALL)

    Path("damaged.npz").write_bytes(b"PK nothing else")
    assert "ARCH one of squeezenet, inception" in why("squeeze")
    assert "there is no file of weights at" in why("squeezenet:nowhere.npz")
    assert "damaged.npz' cannot be read as .npz weights" in why("squeezenet:damaged.npz")
    assert "takes no file" in why("random:damaged.npz")
    assert [path.name for path in Path.cwd().iterdir()] == ["damaged.npz"]


def test_features_need_pictures_of_some_size_and_one_input(given, capsys):
    argv = ["generate", "retarget", given["picture"], "--size", "8x30", "--features", "random", *SMALL]
    assert "at least 9 x 9 pixels, got 8 x 30" in refused(capsys, *argv)
    argv = ["generate", "collage", given["picture"], given["other"], "--features", "random", *SMALL]
    assert "a collage has several inputs and is not measured" in refused(capsys, *argv)
    assert list(Path.cwd().iterdir()) == []


def test_clips_by_patches_keep_their_rate(given):
    path = run("generate", "make", given["clip"], "--frames", "7", *SMALL, "-n", "1")
    clip, times_s = read_clip(path / "outputs" / "sample_000.mp4", max_frames=100)
    assert clip.shape == (1, 3, 7, 30, 40)
    assert float(times_s[1]) == pytest.approx(0.1)
    assert "motion" in json.loads((path / "metrics.json").read_text())
    assert "data:video/mp4" in (path / "report.html").read_text()


def test_part_of_a_clip(given, capsys):
    path = run("generate", "make", given["clip"], "--begin-s", "0.2", "--take", "5", *SMALL, "-n", "1")
    assert read_clip(path / "outputs" / "sample_000.mp4", max_frames=100)[0].shape[2] == 5
    err = refused(capsys, "generate", "make", given["clip"], "--take", "99", *SMALL)
    assert "has 9 frames there, fewer than the 99 asked for" in err


def test_retarget(given):
    path = run("generate", "retarget", given["picture"], "--size", "24x60", *SMALL)
    assert Image.open(path / "outputs" / "sample_000.png").size == (60, 24)


def test_inpaint(given, capsys):
    path = run("generate", "inpaint", given["picture"], given["mask"], *SMALL)
    before = np.asarray(Image.open(given["picture"]).convert("RGB"))
    after = np.asarray(Image.open(path / "outputs" / "sample_000.png"))
    hole = np.asarray(Image.open(given["mask"])) > 127
    assert (before[~hole] == after[~hole]).all()
    assert (before[hole] != after[hole]).any()
    err = refused(capsys, "generate", "inpaint", given["picture"], given["other"], *SMALL)
    assert "expected the same proportions" in err


def test_collage(given, capsys):
    path = run("generate", "collage", given["picture"], given["other"], *SMALL)
    assert names(path) == ["input_0.png", "input_1.png", "sample_000.png"]
    assert Image.open(path / "outputs" / "sample_000.png").size == (63, 36)
    assert "two pictures or more" in refused(capsys, "generate", "collage", given["picture"], *SMALL)


def test_trained_models_draw_more_of_any_size(trained):
    assert {"input.png", "sample_000.png", "sheet.png"} <= set(names(trained))
    path = run("generate", "sample", str(trained), "-n", "2", "--size", "20x48", "--features", "random", *ONE)
    assert Image.open(path / "outputs" / "sample_001.png").size == (48, 20)
    assert "sifid" in json.loads((path / "metrics.json").read_text())


def test_trained_models_edit(trained, given):
    path = run("generate", "edit", str(trained), given["picture"], "--mask", given["mask"], *ONE)
    assert names(path) == ["input.png", "edited.png", "levels.png"]
    assert json.loads((path / "metrics.json").read_text())["start"] >= 1


def test_a_way_between_two_samples_needs_a_latent_map(trained, capsys):
    argv = ["generate", "sample", str(trained), "--mode", "between", "-n", "3", *ONE]
    if "vaegan" in str(trained):
        assert len(names(run(*argv))) == 5
    else:
        assert "--engine vaegan" in refused(capsys, *argv)


def test_other_runs_and_hopeless_wishes_are_refused(trained, given, capsys):
    patches = run("generate", "make", given["picture"], "-n", "1", *SMALL)
    assert "holds no trained model" in refused(capsys, "generate", "sample", str(patches), *ONE)
    assert "--frames is for clips" in refused(capsys, "generate", "sample", str(trained), "--frames", "5", *ONE)
    assert "past the finest level" in refused(
        capsys, "generate", "edit", str(trained), given["picture"], "--start", "50", *ONE
    )
    assert "trained on a picture" in refused(capsys, "generate", "edit", str(trained), given["clip"], *ONE)
    short = refused(capsys, "generate", "make", given["clip"], "--engine", "vaegan", *SMALL)
    assert "a window has 13 frames, but there are only 9" in short


@pytest.mark.parametrize(("engine", "records"), [("vaegan", 5), ("singan", 3)])
def test_stopped_in_mid_level_and_resumed_is_the_same(engine, records, given, monkeypatch):
    """Two records a level, of its first step and its last: so it stops after the first of a later level, a GAN's."""
    argv = ["generate", "make", given["picture"], "--engine", engine, "--features", "random", *SMALL]
    assert cli.run([*argv, "--out", "whole"]) == 0
    count = 0

    original = Run.log

    def stop_late(self: Run, step: int, **measures: float) -> None:
        nonlocal count
        count += 1
        original(self, step, **measures)
        if count == records:
            (self.path / "stop").touch()
            self._stop_checked = -float("inf")

    monkeypatch.setattr(Run, "log", stop_late)
    assert cli.run([*argv, "--out", "parts"]) == 3
    monkeypatch.setattr(Run, "log", original)
    assert cli.run(["resume", "parts", "--quiet"]) == 0
    for file in ("weights/model.safetensors", "outputs/sample_000.png", "outputs/sheet.png"):
        assert Path("whole", file).read_bytes() == Path("parts", file).read_bytes(), file
    whole, parts = (json.loads(Path(path, "metrics.json").read_text()) for path in ("whole", "parts"))
    assert whole["sifid"] == parts["sifid"]


def test_the_study_over_vae_levels(given):
    path = run("study", "vae-levels", given["clip"], "--levels", "1", "2", *SMALL)
    assert names(path) == ["vae_levels_1.mp4", "vae_levels_2.mp4", "vae_levels.csv", "sheet.png"]
    rows = (path / "outputs" / "vae_levels.csv").read_text().splitlines()
    assert len(rows) == 4
    assert rows[-1].startswith("null,")
    metrics = json.loads((path / "metrics.json").read_text())
    assert {"diversity_coarse_1", "diversity_coarse_2", "psnr_1"} <= set(metrics)
