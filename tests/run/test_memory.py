"""What does not fit is told before it is tried."""

import pytest
import torch

from gestalt.run import memory


def test_what_fits_passes_and_what_does_not_is_refused() -> None:
    there = memory.total()
    assert there is not None
    assert there > 1e8
    memory.check(there, "take less")
    with pytest.raises(ValueError, match=r"about 1,000,000 GB of memory, and this machine has \d+: take less"):
        memory.check(1e15, "take less")


def test_a_system_that_does_not_say_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="take less"):
        memory.check(1e15, "take less")
    monkeypatch.setattr(memory, "total", lambda: None)
    assert memory.check(1e15, "take less") is None


@pytest.mark.parametrize("count", [10**15, 2**60])
def test_what_torch_raises_is_known(count: int) -> None:
    with pytest.raises(RuntimeError) as error:
        torch.zeros(count)
    assert memory.is_full(error.value)
    assert memory.is_full(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert memory.is_full(MemoryError())
    assert not memory.is_full(RuntimeError("shapes do not fit"))
