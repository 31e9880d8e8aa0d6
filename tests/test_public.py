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


def test_content_is_moved_by_public_names():
    import torch

    settings = gestalt.transfer_mask("tiny")
    from gestalt.tasks.transfer.pictures import Side

    chance = torch.Generator().manual_seed(0)
    content, plain = (
        Side(*(torch.randint(256, (n, 32, 32, 3), generator=chance, dtype=torch.uint8) for n in (4, 2)))
        for _ in range(2)
    )
    trained = gestalt.fit_transfer(content, plain, settings, seed=0, device=torch.device("cpu"))
    x, guide = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    for done in (
        gestalt.add_content(trained.net, x, guide),
        gestalt.swap_content(trained.net, x, guide),
        gestalt.remove_content(trained.net, x),
    ):
        assert done.image.shape == x.shape
    assert [one("paper").size for one in (gestalt.transfer_disentangle, gestalt.transfer_intersection)] == [128, 128]
