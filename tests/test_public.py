"""`import gestalt`: quick, and every public name is there."""

import subprocess
import sys

import pytest

import gestalt


def test_importing_loads_no_torch():
    code = "import sys, gestalt; dir(gestalt); assert not {'torch', 'numpy', 'numba'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_public_name_is_found_and_documented():
    for name in gestalt.__all__:
        assert getattr(gestalt, name).__doc__
        assert name in (gestalt.__doc__ or "")
    assert sorted(dir(gestalt)) == sorted(gestalt.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = gestalt.nonsense  # pyright: ignore
