"""Which measure sees through which trivial sample, on a drawn clip: no single one sees through all.

The expected values are those that the trivial rows have on real clips: ../shared/methods/generate.md, section 3.3.
"""

import pytest
import torch

from gestalt.drawn.discs import bouncing
from gestalt.metrics import nulls
from gestalt.metrics.diversity import diversity, novelty
from gestalt.metrics.likeness import psnr
from gestalt.metrics.liveliness import motion, sharpness
from gestalt.metrics.patches import completeness

ROWS = {
    "copy": nulls.copies,
    "mean colour": nulls.mean_colours,
    "shuffled pixels": nulls.shuffled_pixels,
    "shift": nulls.shifted,
    "shuffled frames": nulls.shuffled_frames,
    "noise": nulls.noisy,
}


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, float]]:
    clip = bouncing(13, 20, 36)
    rows = {}
    for name, row in ROWS.items():
        samples = row(clip, 5)
        found = novelty(samples[0], clip)
        rows[name] = {
            "diversity": diversity(samples, clip),
            "low": diversity(samples, clip, shrink=4),
            "coherence": found.coherence,
            "completeness": completeness(samples[0], clip),
            "field": found.diversity,
            "sharpness": sharpness(torch.cat(samples), clip),
            "motion": motion(torch.cat(samples), clip),
            "psnr": psnr(samples[0], clip),
        }
    return rows


def test_a_copy_is_perfect_but_not_diverse(measured):
    row = measured["copy"]
    assert row["diversity"] == row["low"] == 0.0
    assert max(row["coherence"], row["completeness"]) < 1e-6
    assert row["field"] < 0.05
    assert row["sharpness"] == row["motion"] == 1.0


def test_the_mean_colour_is_coherent_and_only_completeness_and_liveliness_tell(measured):
    row = measured["mean colour"]
    assert row["coherence"] < measured["shift"]["coherence"]
    assert row["completeness"] > 4 * measured["shift"]["completeness"]
    assert row["completeness"] > 2.5 * row["coherence"]
    assert row["diversity"] < 1e-6
    assert row["field"] < 0.02
    assert row["sharpness"] < 1e-6
    assert row["motion"] < 1e-6


def test_shuffled_pixels_are_diverse_but_have_no_patch_of_the_source(measured):
    row = measured["shuffled pixels"]
    assert row["diversity"] > 0.65
    assert row["low"] < 0.4 * row["diversity"]
    assert row["completeness"] > 5 * measured["shift"]["completeness"]
    assert row["sharpness"] > 3
    assert row["motion"] > 3


def test_a_cyclic_shift_is_diverse_and_lively_and_only_its_field_is_plain(measured):
    row = measured["shift"]
    assert row["diversity"] > 0.65
    assert row["low"] > 0.65
    assert row["completeness"] < 0.25 * measured["mean colour"]["completeness"]
    assert row["field"] < 0.5 * measured["shuffled pixels"]["field"]
    assert row["sharpness"] == pytest.approx(1, abs=0.3)
    assert row["motion"] == pytest.approx(1, abs=0.3)


def test_shuffled_frames_move_about_twice_as_much(measured):
    row = measured["shuffled frames"]
    assert row["motion"] == pytest.approx(2.1, abs=0.4)
    assert row["sharpness"] == pytest.approx(1.0, rel=1e-6)
    assert 0.05 < row["diversity"] < 0.6 * measured["shift"]["diversity"]


def test_noise_passes_for_some_diversity_unless_it_is_low_passed(measured):
    row = measured["noise"]
    assert 0.05 < row["diversity"] < 0.15
    assert row["low"] < 0.4 * row["diversity"]
    assert row["field"] < 0.05
    assert row["psnr"] == pytest.approx(34, abs=0.3)
    assert row["sharpness"] > 1.1
    assert row["motion"] > 1.3
