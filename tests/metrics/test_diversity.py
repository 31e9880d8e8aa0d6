"""The diversity index and the field measures against plain loops, and by what they are taken in."""

import itertools
import math
import zlib

import numpy as np
import pytest
import torch
from torch import Tensor

from gestalt.drawn.discs import bouncing
from gestalt.metrics.diversity import LEAST_DEVIATION, diversity, field_diversity, novelty
from gestalt.metrics.patches import coherence
from gestalt.ops.nearest import exact, patchmatch
from gestalt.ops.resize import resize


def slow_diversity(samples: list[Tensor], source: Tensor) -> float:
    """One voxel after the other."""

    def deviation(numbers: list[float]) -> float:
        mean = math.fsum(numbers) / len(numbers)
        return math.sqrt(math.fsum((n - mean) ** 2 for n in numbers) / len(numbers))

    def greys(x: Tensor) -> list[float]:
        r, g, b = x[0].flatten(1).double().tolist()
        return [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in zip(r, g, b, strict=True)]

    voxels = list(zip(*(greys(x) for x in samples), strict=True))
    return math.fsum(deviation(list(v)) for v in voxels) / len(voxels) / deviation(greys(source))


@pytest.mark.parametrize("size", [(7, 9), (3, 5, 6)])
def test_diversity_equals_the_plain_loop(size):
    generator = torch.Generator().manual_seed(1)
    samples = [torch.rand(1, 3, *size, generator=generator) * 2 - 1 for _ in range(4)]
    source = torch.randn(1, 3, *(n + 2 for n in size), generator=generator)
    assert diversity(samples, source) == pytest.approx(slow_diversity(samples, source), rel=1e-5)
    assert diversity(torch.cat(samples), source) == diversity(samples, source)


def test_independent_samples_score_one_less_the_bias_of_few():
    generator = torch.Generator().manual_seed(2)
    source = torch.randn(1, 1, 60, 60, generator=generator)
    many = torch.randn(400, 1, 60, 60, generator=generator)
    assert diversity(many, source) == pytest.approx(1.0, abs=0.02)
    # Of 5 normal numbers, ddof 0: c4(5) sqrt(4 / 5).
    assert diversity(many[:5], source) == pytest.approx(0.9400 * 0.8**0.5, abs=0.03)


def test_diversity_knows_no_scale_and_no_offset():
    samples = torch.cat([bouncing(seed=n) for n in range(3)])
    source = bouncing(seed=9)
    assert diversity(samples * 0.5 + 0.2, source * 0.5 + 0.2) == pytest.approx(diversity(samples, source), rel=1e-5)


def test_the_low_passed_index_is_that_of_reduced_pictures_and_not_moved_by_noise():
    clip, generator = bouncing(5, 25, 38), torch.Generator().manual_seed(3)
    noisy = torch.cat([clip + 0.1 * torch.randn(clip.shape, generator=generator) for _ in range(5)])
    reduced = (resize(noisy, (5, 7, 10)), resize(clip, (5, 7, 10)))
    assert diversity(noisy, clip, shrink=4) == pytest.approx(diversity(reduced[0], reduced[1]), rel=1e-6)
    assert diversity(noisy, clip, shrink=4) < 0.4 * diversity(noisy, clip)
    others = torch.cat([bouncing(5, 25, 38, seed=n) for n in range(5)])
    assert diversity(others, clip, shrink=4) > 0.8 * diversity(others, clip)


def test_a_constant_input_and_a_single_sample_give_finite_numbers():
    flat = torch.full((1, 3, 4, 6, 6), 0.3)
    assert diversity([flat, flat], flat) == 0.0
    assert diversity([flat, flat + 0.2], flat) == pytest.approx(0.1 / LEAST_DEVIATION, rel=1e-4)
    assert diversity([bouncing()], bouncing(seed=1)) == 0.0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="all of one size"):
        diversity([bouncing(5), bouncing(6)], bouncing(5))
    with pytest.raises(ValueError, match="got 0"):
        diversity([], bouncing(5))
    with pytest.raises(ValueError, match="1 or 3 channels"):
        diversity(torch.zeros(2, 4, 5, 5), torch.zeros(1, 4, 5, 5))
    with pytest.raises(ValueError, match="whole factor"):
        diversity([bouncing(5)], bouncing(5), shrink=0)


# -- fields ------------------------------------------------------------------------------------------------


def slow_field_diversity(index: Tensor, of: tuple[int, int, int]) -> float:
    """Displacements one by one, all along an axis before those along the next."""
    numbers = bytearray()
    count = 0
    for axis in range(3):
        if max(index.shape[axis], of[axis]) == 1:
            continue
        for at in itertools.product(*map(range, index.shape)):
            numbers.append((int(np.unravel_index(int(index[at]), of)[axis]) - at[axis]) % 256)
            count += 1
    return len(zlib.compress(bytes(numbers), 9)) / count


@pytest.mark.parametrize(("grid", "of"), [((3, 4, 5), (2, 6, 3)), ((1, 6, 7), (1, 9, 300)), ((4, 1, 5), (4, 1, 5))])
def test_field_diversity_equals_the_plain_loop(grid, of):
    index = torch.randint(math.prod(of), grid, generator=torch.Generator().manual_seed(4))
    assert field_diversity(index, of) == slow_field_diversity(index, of)


def test_a_rigid_copy_compresses_away_and_chaos_does_not():
    of = (20, 60, 60)
    at = torch.arange(20 * 60 * 60).reshape(of)
    moved = at[3:12, 10:40, 5:55]  # every position matched 3, 10 and 5 further on
    assert field_diversity(at, of) < 0.002
    assert field_diversity(moved, of) < 0.002
    # Blocks of 5 x 10 x 10, each moved by an amount of its own.
    by = torch.randint(9, (3, 4, 6, 6), generator=torch.Generator().manual_seed(7))
    by = by.repeat_interleave(5, 1).repeat_interleave(10, 2).repeat_interleave(10, 3)
    t, y, x = (
        (n + d) % m for n, d, m in zip(torch.meshgrid(*map(torch.arange, of), indexing="ij"), by, of, strict=True)
    )
    assert 5 * field_diversity(at, of) < field_diversity((t * 60 + y) * 60 + x, of) < 0.1
    chaos = torch.randint(20 * 60 * 60, of, generator=torch.Generator().manual_seed(5))
    assert field_diversity(chaos, of) > 0.7
    assert field_diversity(torch.zeros(1, 1, 1, dtype=torch.int64), (1, 1, 1)) == 0.0


@pytest.mark.parametrize("patch", [(3, 3, 3), None])
def test_novelty_is_made_of_the_field_of_nearest_patches(patch):
    sample, source = bouncing(5, 14, 15, seed=1), bouncing(6, 12, 17, seed=2)
    field = exact(sample[0], source[0], patch or (3, 5, 5))
    t, h, w = patch or (3, 5, 5)
    found = novelty(sample, source, patch)
    assert found.diversity == slow_field_diversity(field.index, (6 - t + 1, 12 - h + 1, 17 - w + 1))
    assert found.distance == pytest.approx(float(field.distance.mean()), rel=1e-5)
    assert found.coherence == coherence(sample, source, patch)


def test_novelty_of_a_moved_piece_of_the_source_and_of_a_new_arrangement():
    source = resize(torch.randn(1, 3, 30, 30, generator=torch.Generator().manual_seed(6)), (60, 60))
    piece, other = source[:, :, 7:57, 2:50], torch.cat([source[:, :, n : n + 7, :] for n in (50, 3, 33, 20)], 2)
    for search in (exact, patchmatch):
        copied, rearranged = novelty(piece, source, search=search), novelty(other, source, search=search)
        assert copied.diversity < 0.02 < rearranged.diversity
        assert copied.distance < 1e-10
        assert rearranged.distance > 1e-3, "patches across the seams are in no place of the source"
