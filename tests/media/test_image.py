"""Files and tensors hold the same picture, to the last of 8 bits."""

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageOps, JpegImagePlugin
from torch import Tensor

from gestalt.media import image
from media.children import run_in_child
from media.hostile import RED, encode, plain, srgb_profile

LOSSLESS = [".png", ".webp", ".tif", ".tiff", ".PNG"]


def random_picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def pictures(channels: tuple[int, ...] = (1, 3, 4)) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from(channels))
    return arrays.arrays(np.uint8, shapes)


# -- bytes and tensors -------------------------------------------------------------------------------------


def test_all_levels_survive() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = image.from_uint8(levels)
    assert picture.dtype == torch.float32
    assert picture.shape == (1, 3, 16, 16)
    assert picture.is_contiguous()
    assert picture.min() == -1
    assert picture.max() == 1
    assert np.array_equal(image.to_uint8(picture), np.repeat(levels[:, :, None], 3, axis=2))


@given(pictures(channels=(3,)))
def test_bytes_to_tensor_and_back_is_exact(levels: np.ndarray) -> None:
    assert np.array_equal(image.to_uint8(image.from_uint8(levels)), levels)


@given(arrays.arrays(np.float32, (1, 2, 3), elements=st.floats(-3, 3, width=32)))
def test_rounding_against_exact_arithmetic(values: np.ndarray) -> None:
    levels = image.to_uint8(torch.from_numpy(values))[:, :, 0].astype(np.float64)
    exact = (np.clip(values[0].astype(np.float64), -1, 1) + 1) * 127.5
    assert np.abs(levels - exact).max() <= 0.5 + 2e-5  # the sum is taken in float32
    clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-4
    assert np.array_equal(levels[clear], np.rint(exact)[clear])


def test_ties_go_to_the_even_level() -> None:
    # 127.5 -> 128, and its neighbours 126.5 -> 126 and 128.5 -> 128, the latter exact in float64 only
    values = torch.tensor([0.0, 126.5 / 127.5 - 1, 128.5 / 127.5 - 1], dtype=torch.float64)
    assert ((values + 1) * 127.5).tolist() == [127.5, 126.5, 128.5]
    assert image.to_uint8(values.reshape(1, 1, 3)).ravel().tolist() == [128, 126, 128]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_float_type(dtype: torch.dtype) -> None:
    values = torch.tensor([-1.0, -0.5, 0.25, 1.0], dtype=dtype).reshape(1, 1, 1, 4)
    assert image.to_uint8(values).ravel().tolist() == [0, 64, 159, 255]


def test_values_outside_are_clamped() -> None:
    values = torch.tensor([-7.0, 7.0, -float("inf"), float("inf")]).reshape(1, 2, 2)
    assert image.to_uint8(values).ravel().tolist() == [0, 255, 0, 255]


def test_layout_and_gradient_do_not_matter() -> None:
    picture = random_picture(1, 3, 5, 7)
    expected = image.to_uint8(picture)
    assert expected.shape == (5, 7, 3)
    assert expected.flags["C_CONTIGUOUS"]
    assert np.array_equal(image.to_uint8(picture[0]), expected)
    assert np.array_equal(image.to_uint8(picture.contiguous(memory_format=torch.channels_last)), expected)
    assert np.array_equal(image.to_uint8(picture.clone().requires_grad_()), expected)
    turned = picture.transpose(2, 3)
    assert np.array_equal(image.to_uint8(turned), expected.transpose(1, 0, 2))


def test_the_array_is_not_shared() -> None:
    levels = np.zeros((2, 2, 3), dtype=np.uint8)
    picture = image.from_uint8(levels)
    levels += 9
    assert (picture == -1).all()
    read_only = np.broadcast_to(np.uint8(7), (2, 2, 3))[:, ::-1]
    assert image.from_uint8(read_only).shape == (1, 3, 2, 2)


@given(pictures(channels=(4,)))
def test_alpha_is_composited_over_white(levels: np.ndarray) -> None:
    colour, alpha = levels[:, :, :3] / 255.0, levels[:, :, 3:] / 255.0
    expected = (colour * alpha + (1 - alpha)) * 2 - 1
    assert np.abs(image.from_uint8(levels)[0].permute(1, 2, 0).numpy() - expected).max() < 1e-6


def test_an_opaque_picture_is_exact() -> None:
    levels = np.dstack([np.arange(256, dtype=np.uint8)] * 3 + [np.full(256, 255, np.uint8)])
    assert torch.equal(image.from_uint8(levels), image.from_uint8(levels[:, :, :3]))


@pytest.mark.parametrize(
    "picture",
    [
        torch.zeros(2, 3, 4, 4),
        torch.zeros(2, 4, 4),
        torch.zeros(4, 4),
        torch.zeros(1, 1, 3, 4, 4),
        torch.zeros(1, 3, 0, 4),
        torch.zeros(3, 4, 4, dtype=torch.uint8),
    ],
)
def test_other_tensors_are_refused(picture: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected one float picture .* got \w+ \("):
        image.to_uint8(picture)


@pytest.mark.parametrize(
    "levels",
    [
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2,), np.uint8),
        np.zeros((1, 2, 2, 3), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 2, 3), np.float32),
    ],
)
def test_other_arrays_are_refused(levels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a uint8 picture"):
        image.from_uint8(levels)


# -- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", LOSSLESS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(levels=pictures())
def test_write_then_read_is_exact(ending: str, levels: np.ndarray, tmp_path: Path) -> None:
    picture = torch.from_numpy(levels.astype(np.float32)).permute(2, 0, 1) / 127.5 - 1
    path = tmp_path / f"a{ending}"
    image.write(path, picture)
    assert torch.equal(image.read(path), image.from_uint8(levels))


def test_read_of_write_is_the_picture_to_half_a_level(tmp_path: Path) -> None:
    picture = random_picture(1, 3, 37, 53)
    image.write(tmp_path / "a.png", picture)
    back = image.read(tmp_path / "a.png")
    assert torch.equal(back, image.from_uint8(image.to_uint8(picture)))
    assert (back - picture).abs().max() <= 1 / 255 + 1e-6


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_is_close(ending: str, tmp_path: Path) -> None:
    ramp = torch.linspace(-1, 1, 64).expand(3, 48, 64).clone()
    ramp[0] = -ramp[0]
    image.write(tmp_path / f"a{ending}", ramp)
    assert (image.read(tmp_path / f"a{ending}") - ramp).abs().max() < 6 / 127.5
    with Image.open(tmp_path / f"a{ending}") as file:
        assert isinstance(file, JpegImagePlugin.JpegImageFile)
        assert JpegImagePlugin.get_sampling(file) == 0  # 4:4:4, colour at full resolution


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize(("ending", "kind"), [(".png", "PNG"), (".webp", "WEBP"), (".tif", "TIFF")])
def test_what_other_programs_see(channels: int, mode: str, ending: str, kind: str, tmp_path: Path) -> None:
    picture = random_picture(channels, 5, 7)
    if channels == 4:
        picture[3, :2] = -1  # the colour under full transparency is kept, too
    image.write(tmp_path / f"a{ending}", picture)
    with Image.open(tmp_path / f"a{ending}") as file:
        assert file.format == kind
        assert file.size == (7, 5)
        if (kind, mode) == ("WEBP", "L"):
            mode = "RGB"  # WebP has no grey
        assert file.mode == mode
        levels = np.asarray(file).reshape(5, 7, -1)
    expected = image.to_uint8(picture)
    assert np.array_equal(levels, np.broadcast_to(expected, levels.shape))


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_the_same_picture_gives_the_same_bytes(ending: str, tmp_path: Path) -> None:
    picture = random_picture(1, 3, 33, 41)
    (tmp_path / "other").mkdir()
    image.write(tmp_path / f"a{ending}", picture)
    image.write(tmp_path / "other" / f"b{ending}", picture.clone())
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / "other" / f"b{ending}").read_bytes()


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_against_pillow(orientation: int, kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(image.to_uint8(random_picture(3, 5, 8)))
    options = {"lossless": True} if kind == "WEBP" else {}
    (tmp_path / "a").write_bytes(encode(stored, kind, exif=exif, **options))
    with Image.open(tmp_path / "a") as file:
        expected = image.from_uint8(np.asarray(ImageOps.exif_transpose(file).convert("RGB")))
    assert torch.equal(image.read(tmp_path / "a"), expected)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for name, stored in (("a.png", levels), ("a.tif", levels), ("b.tif", levels.astype(">u2"))):
        Image.fromarray(stored).save(tmp_path / name)
        expected = torch.from_numpy(levels.astype(np.float64) / 32767.5 - 1).float()
        assert (image.read(tmp_path / name) - expected).abs().max() < 1e-6, name


def test_a_profile_that_is_srgb_changes_nothing(tmp_path: Path) -> None:
    levels = image.to_uint8(random_picture(3, 40, 40))
    (tmp_path / "a.png").write_bytes(encode(Image.fromarray(levels), "PNG", icc_profile=srgb_profile()))
    assert torch.equal(image.read(tmp_path / "a.png"), image.from_uint8(levels))


def test_an_ending_is_no_format(tmp_path: Path) -> None:
    plain(colour=RED).save(tmp_path / "a.gif", "PNG")
    assert image.to_uint8(image.read(tmp_path / "a.gif"))[0, 0].tolist() == list(RED)


def test_paths_may_be_text(tmp_path: Path) -> None:
    image.write(str(tmp_path / "a.png"), random_picture(3, 4, 4))
    assert image.read(str(tmp_path / "a.png")).shape == (1, 3, 4, 4)


# -- maps --------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.floats(0, 1, width=32)))
def test_maps_come_back_to_16_bits(values: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.png"
        image.write_map(path, torch.from_numpy(values))
        with Image.open(path) as file:
            assert file.mode == "I;16"
            assert np.abs(np.asarray(file) / 65535 - values).max() <= 0.5 / 65535 + 1e-9
        back = (image.read(path)[0, 0] + 1) / 2
    assert np.abs(back.numpy() - values).max() <= 0.5 / 65535 + 1e-6


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (torch.tensor([[0.0, 1.1]]), r"expected a map in \[0, 1\], got values from 0 to 1.1"),
        (torch.tensor([[-0.1, 1.0]]), r"expected a map in \[0, 1\]"),
        (torch.tensor([[0.5, float("nan")]]), "nan"),
        (torch.zeros(1, 4, 4), r"expected a float map \(H, W\)"),
        (torch.zeros(0, 4), "at least one pixel"),
        (torch.zeros(4, 4, dtype=torch.int64), "expected a float map"),
    ],
)
def test_other_maps_are_refused(values: Tensor, expected: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=expected):
        image.write_map(tmp_path / "map.png", values)
    assert os.listdir(tmp_path) == []


def test_a_map_is_a_png(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"give a name ending in \.png"):
        image.write_map(tmp_path / "map.jpg", torch.zeros(2, 2))


def test_rounding_errors_in_a_map_are_forgiven(tmp_path: Path) -> None:
    image.write_map(tmp_path / "map.png", torch.tensor([[-1e-7, 1 + 1e-7]], dtype=torch.float64))
    assert image.read(tmp_path / "map.png")[0, 0].tolist() == [[-1.0, 1.0]]


# -- mistakes and misfortunes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "picture", "expected"),
    [
        ("a.gif", torch.zeros(3, 4, 4), r"expected a name ending in \.png"),
        ("a", torch.zeros(3, 4, 4), r"expected a name ending in \.png"),
        (".png", torch.zeros(3, 4, 4), r"expected a name ending in \.png"),
        ("a.jpg", torch.zeros(4, 4, 4), "JPEG holds no alpha; write PNG"),
        (
            "a.webp",
            torch.zeros(1, 1, 16384),
            "WEBP holds at most 16383 pixels a side, got 16384 x 1; write PNG",
        ),
        ("a.jpg", torch.zeros(1, 65501, 1), "JPEG holds at most 65500 pixels a side"),
        ("a.png", torch.full((3, 4, 4), float("nan")), "got NaN"),
        ("a.png", torch.zeros(2, 3, 4, 4), "expected one float picture"),
        ("nowhere/a.png", torch.zeros(3, 4, 4), "create the folder"),
        ("folder.png", torch.zeros(3, 4, 4), "it is a folder"),
    ],
)
def test_mistakes_leave_nothing_behind(name: str, picture: Tensor, expected: str, tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match=expected) as mistake:
        image.write(tmp_path / name, picture)
    assert str(mistake.value).isprintable()
    assert len(str(mistake.value)) < 300
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.parametrize(("ending", "side"), [(".jpg", 65500), (".webp", 16383)])
def test_the_largest_side_is_written(ending: str, side: int, tmp_path: Path) -> None:
    image.write(tmp_path / f"a{ending}", torch.zeros(1, 1, side))
    assert image.read(tmp_path / f"a{ending}").shape == (1, 3, 1, side)


def test_a_failed_write_keeps_the_old_picture(tmp_path: Path) -> None:
    image.write(tmp_path / "a.png", torch.ones(3, 4, 4))
    with pytest.raises(ValueError, match="NaN"):
        image.write(tmp_path / "a.png", torch.full((3, 4, 4), float("nan")))
    assert (image.read(tmp_path / "a.png") == 1).all()


def test_a_folder_without_permission(open_folder: Path) -> None:
    image.write(open_folder / "a.png", torch.zeros(3, 4, 4))  # loads the encoder while it still may
    open_folder.chmod(0o555)
    answer = run_in_child(lambda: image.write(open_folder / "b.png", torch.zeros(3, 4, 4)), unprivileged=True)
    open_folder.chmod(0o755)
    assert answer.startswith("ValueError: cannot write ")
    assert "no permission to write in its folder" in answer


def test_a_full_disk_stays_an_os_error(small_disk: Path) -> None:
    with pytest.raises(OSError) as failure:
        image.write(small_disk / "a.png", random_picture(3, 200, 200))
    assert failure.value.errno == errno.ENOSPC
    assert os.listdir(small_disk) == []
