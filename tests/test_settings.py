"""Checks that the settings of all tasks share."""

import os
from types import SimpleNamespace

import pytest

from gestalt.settings import absolute, at_least


@pytest.mark.parametrize("value", [2, 2.5, 10**9, "auto"])
def test_what_is_not_below_passes(value):
    assert at_least(SimpleNamespace(a_b=value), 2, "a_b") is None


@pytest.mark.parametrize("value", [1, 1.99, -3, float("inf"), float("nan")])
def test_what_is_below_or_no_finite_number_is_named_as_a_flag(value):
    with pytest.raises(ValueError, match=f"^--a-b must be at least 2, got {value}$"):
        at_least(SimpleNamespace(fine=9, a_b=value), 2, "fine", "a_b")


def test_files_of_weights_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("vgg19:a/w.pth") == f"vgg19:{tmp_path}/a/w.pth"
    assert absolute("vgg19:~/w.pth") == f"vgg19:{os.path.expanduser('~')}/w.pth"
    assert absolute("vgg19:/w.pth") == "vgg19:/w.pth"
    assert [absolute(text) for text in ("gabor", "vgg19:", "")] == ["gabor", "vgg19:", ""]
