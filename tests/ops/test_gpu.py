"""The GPU's kernels against the tensor form, in Triton's interpreter, which a process must ask for at its start."""

import importlib.util
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not there")

PROGRAM = """
import sys

import torch
from gestalt.ops import gpu, jumpflood, patches

chance = torch.Generator().manual_seed(0)
for channels, patch in ((3, (3, 5, 5)), (5, (1, 3, 4)), (1, (2, 1, 1))):
    queries, keys = (torch.rand(channels, *size, generator=chance) for size in eval(sys.argv[1]))
    of = patches.grid(keys.shape[1:], patch)
    at = patches.grid(queries.shape[1:], patch)
    random = jumpflood.random_field(at, of, 3, queries.device)
    rigid = random.clone()
    same = torch.stack(torch.meshgrid(*map(torch.arange, at), indexing="ij"), -1).clamp(max=torch.tensor(of) - 1)
    rigid[:, 1:4, 2:6] = same[:, 1:4, 2:6]
    for field in (random, rigid):
        corner = (field[..., 0] * keys.shape[2] + field[..., 1]) * keys.shape[3] + field[..., 2]
        one, other = jumpflood.differences(queries, keys, patch, field), gpu.differences(queries, keys, patch, corner)
        torch.testing.assert_close(one, other)
        for agreed in (True, False):
            one = patches._gathered(keys, field, queries.shape[1:], patch, agreed)
            torch.testing.assert_close(one, gpu.vote(keys, corner, patch, agreed=agreed))
print("equal")
"""


@pytest.mark.parametrize(
    "sizes", [((3, 6, 7), (4, 5, 6)), pytest.param(((4, 9, 10), (5, 8, 11)), marks=pytest.mark.slow)], ids=str
)
def test_kernels_equal_the_tensor_form(sizes):
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(sizes)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout == "equal\n", done.stderr
