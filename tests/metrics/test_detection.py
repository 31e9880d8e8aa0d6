"""Detection measures against golden numbers, plain loops over pairs and thresholds, and what must not matter."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from gestalt.metrics.detection import (
    auroc,
    average_precision,
    bootstrap,
    f1_max,
    paired_bootstrap,
    pixel_auroc,
    pro,
    recall_at,
)

SCORES, LABELS = [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]

few = st.lists(st.tuples(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 3.0]), st.integers(0, 1)), min_size=1, max_size=14)


def slow_auroc(scores, labels):
    pairs = [(p, n) for p, a in zip(scores, labels, strict=True) for n, b in zip(scores, labels, strict=True) if a > b]
    return sum((p > n) + 0.5 * (p == n) for p, n in pairs) / len(pairs) if pairs else math.nan


def thresholds(scores, labels):
    """(threshold, true positives, false positives) at each distinct score, falling."""
    for t in sorted(set(scores), reverse=True):
        called = [label for score, label in zip(scores, labels, strict=True) if score >= t]
        yield t, sum(called), len(called) - sum(called)


# -- images ------------------------------------------------------------------------------------------------


def test_golden_numbers():
    assert auroc(SCORES, LABELS) == 0.75
    assert average_precision(SCORES, LABELS) == pytest.approx(5 / 6)
    assert f1_max(SCORES, LABELS) == (pytest.approx(0.8), 0.35)
    assert [recall_at(SCORES, LABELS, rate) for rate in (0.0, 0.49, 0.5, 1.0)] == [0.5, 0.5, 1.0, 1.0]


@given(few)
def test_auroc_counts_pairs(items):
    scores, labels = zip(*items, strict=True)
    np.testing.assert_allclose(auroc(scores, labels), slow_auroc(scores, labels), rtol=1e-12)


@given(few)
def test_the_others_try_every_threshold(items):
    scores, labels = zip(*items, strict=True)
    positives, negatives = sum(labels), len(labels) - sum(labels)
    if not positives:
        assert math.isnan(average_precision(scores, labels))
        assert math.isnan(f1_max(scores, labels).f1)
        assert f1_max(scores, labels).threshold == math.inf
        return
    area, before = 0.0, 0
    best = max(2 * tp / (tp + fp + positives) for _, tp, fp in thresholds(scores, labels))
    for _, tp, fp in thresholds(scores, labels):
        area += (tp - before) / positives * tp / (tp + fp)
        before = tp
    assert average_precision(scores, labels) == pytest.approx(area)
    f1, threshold = f1_max(scores, labels)
    assert f1 == pytest.approx(best)
    reached = {t: 2 * tp / (tp + fp + positives) for t, tp, fp in thresholds(scores, labels)}
    assert threshold == max(t for t, value in reached.items() if value == pytest.approx(best))
    for rate in (0.0, 0.2, 0.5, 1.0):
        if negatives:
            kept = [tp / positives for _, tp, fp in thresholds(scores, labels) if fp / negatives <= rate]
            assert recall_at(scores, labels, rate) == pytest.approx(max(kept, default=0.0))


def test_a_constant_score_is_chance():
    labels = [0, 1, 1, 0, 1]
    assert auroc([2.0] * 5, labels) == 0.5
    assert average_precision([2.0] * 5, labels) == pytest.approx(0.6)
    assert f1_max([2.0] * 5, labels) == (pytest.approx(0.75), 2.0)
    assert recall_at([2.0] * 5, labels, 0.05) == 0.0


def test_one_class_only_has_no_auroc():
    for label in (0, 1):
        assert math.isnan(auroc([1.0, 2.0], [label, label]))
        assert math.isnan(recall_at([1.0, 2.0], [label, label], 0.1))
    assert average_precision([1.0, 2.0], [1, 1]) == 1.0
    assert f1_max([1.0, 2.0], [1, 1]) == (1.0, 1.0)
    assert math.isnan(auroc([], []))


@pytest.mark.parametrize("measure", [auroc, average_precision, f1_max, lambda s, y: recall_at(s, y, 0.1)])
def test_what_cannot_be_ranked_is_refused(measure):
    with pytest.raises(ValueError, match="1 of 2 scores are NaN"):
        measure([1.0, math.nan], [0, 1])
    with pytest.raises(ValueError, match=r"labels must be 0 \(normal\) or 1 \(anomalous\), got \[0, 2\]"):
        measure([1.0, 2.0], [0, 2])
    with pytest.raises(ValueError, match=r"of one length, got \(2,\) and \(3,\)"):
        measure([1.0, 2.0], [0, 1, 1])


def test_infinite_scores_rank_as_they_are():
    assert auroc([-math.inf, 0.0, math.inf], [0, 0, 1]) == 1.0
    assert recall_at([-math.inf, 0.0, math.inf], [0, 0, 1], 0.0) == 1.0


def test_a_rate_that_is_a_whole_number_of_items_allows_all_of_them():
    # In floating point .07 * 100 is above 7, .29 * 100 below 29.
    for count in (7, 29, 57, 58):
        scores, labels = [*range(100), 100.0 - count - 0.5], [*[0] * 100, 1]
        assert recall_at(scores, labels, count / 100) == 1.0
        assert recall_at(scores, labels, (count - 0.5) / 100) == 0.0


def test_a_rate_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1, got 5"):
        recall_at(SCORES, LABELS, 5)


# -- pixels ------------------------------------------------------------------------------------------------


def drawn(seed: int, levels: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Maps of several sizes and masks of some regions; few levels make ties."""
    rng = np.random.default_rng(seed)
    maps, masks = [], []
    for size in ((9, 7), (5, 12), (8, 8)):
        mask = rng.random(size) < 0.25
        maps.append((rng.integers(0, levels, size) + 0.3 * levels * mask).astype(np.float32))
        masks.append(mask)
    return maps, masks


def slow_pro(maps, masks, limit):
    """The curve itself, corner by corner, integrated by trapezoids up to the limit."""
    labelled: list[Any] = [ndimage.label(mask, np.ones((3, 3))) for mask in masks]
    rates, overlaps = [0.0], [0.0]
    normal = sum(int((~mask).sum()) for mask in masks)
    for t in sorted({float(v) for values in maps for v in values.ravel()}, reverse=True):
        overlap = [
            float((values[labels == n] >= t).mean())
            for values, (labels, count) in zip(maps, labelled, strict=True)
            for n in range(1, count + 1)
        ]
        rates.append(sum(int((v[~mask] >= t).sum()) for v, mask in zip(maps, masks, strict=True)) / normal)
        overlaps.append(float(np.mean(overlap)))
    area = 0.0
    for (a, low), (b, high) in itertools.pairwise(zip(rates, overlaps, strict=True)):
        if b > limit > a:
            high = low + (high - low) * (limit - a) / (b - a)
        area += max(0.0, min(b, limit) - a) * (low + high) / 2
    return area / limit


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_pro_is_the_area_under_its_curve(levels, limit):
    for seed in range(4):
        maps, masks = drawn(seed, levels)
        assert pro(maps, masks, limit) == pytest.approx(slow_pro(maps, masks, limit), abs=1e-9)


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_pixel_auroc_is_the_auroc_of_all_pixels(levels):
    maps, masks = drawn(5, levels)
    pixels, known = (np.concatenate([x.ravel() for x in each]) for each in (maps, masks))
    assert pixel_auroc(maps, masks) == pytest.approx(auroc(pixels, known.astype(int)), rel=1e-12)
    assert pixel_auroc(maps, masks) == pytest.approx(slow_auroc(pixels.tolist(), known.astype(int).tolist()))


def test_with_one_region_pro_without_limit_is_pixel_auroc():
    mask = np.zeros((12, 12), bool)
    mask[3:6, 4:9] = True
    values = np.random.default_rng(0).normal(size=(12, 12)) + mask
    assert pro([values], [mask], 1.0) == pytest.approx(pixel_auroc([values], [mask]))


def test_golden_pro():
    # Two regions, one of a single pixel: .5 found at no false positive, all from one of five normal pixels on.
    mask = np.array([[1, 0, 0, 0], [0, 0, 1, 1]], bool)
    values = np.array([[9, 5, 1, 1], [1, 1, 4, 4]])
    assert pixel_auroc([values], [mask]) == pytest.approx((5 + 4 + 4) / 15)
    assert pro([values], [mask], 0.4) == pytest.approx((0.2 * 0.5 + 0.2 * 1.0) / 0.4)
    assert pro([values], [mask], 0.1) == pytest.approx(0.5)


def test_regions_touch_by_corners_and_count_alike():
    mask = np.zeros((6, 9), bool)
    mask[0, 0] = mask[1, 1] = True
    mask[3:6, 4:9] = True
    values = np.where(mask, 0.0, 1.0)
    values[0, 0] = values[1, 1] = 2.0
    assert pro([values], [mask]) == pytest.approx(0.5)


def test_a_flat_map_gets_half_the_limit():
    maps, masks = drawn(1, 5)
    flat = [np.zeros_like(x) for x in maps]
    assert pixel_auroc(flat, masks) == 0.5
    assert pro(flat, masks, 0.3) == pytest.approx(0.15)
    assert pro(masks, masks) == 1.0
    assert pro([-x.astype(float) for x in masks], masks) == 0.0


def test_shapes_and_order_do_not_matter():
    maps, masks = drawn(2, 50)
    lifted = [x[None, None] for x in maps], [x[None, None] for x in masks]
    swapped = maps[::-1], masks[::-1]
    for measure in (pixel_auroc, pro):
        assert measure(*lifted) == measure(maps, masks)
        assert measure(*swapped) == pytest.approx(measure(maps, masks), rel=1e-12)
        assert measure(iter(maps), iter(masks)) == measure(maps, masks)
        zero = [*maps, np.ones((3, 3))], [*masks, np.zeros((3, 3))]
        assert measure([*maps, np.ones((3, 3))], [*masks, None]) == measure(*zero)


def test_the_given_maps_stay_as_they_are():
    maps, masks = drawn(3, 50)
    before = [x.copy() for x in maps]
    pixel_auroc(maps, [np.zeros_like(x) for x in masks])
    pro(maps, masks)
    pixel_auroc(maps, masks)
    assert all(np.array_equal(x, y) for x, y in zip(before, maps, strict=True))


def test_pixels_of_one_class_have_no_measure():
    for measure in (pixel_auroc, pro):
        assert math.isnan(measure([np.ones((3, 3))], [None]))
        assert math.isnan(measure([np.ones((3, 3))], [np.ones((3, 3))]))
        assert math.isnan(measure([], []))


@pytest.mark.parametrize("measure", [pixel_auroc, pro])
def test_maps_that_do_not_fit_are_named(measure):
    maps, masks = drawn(4, 5)
    with pytest.raises(ValueError, match="expected one mask per map, got more maps"):
        measure(maps, masks[:2])
    with pytest.raises(ValueError, match=r"map 0 is \(9, 7\) and its mask \(5, 12\)"):
        measure(maps, masks[1:])
    maps[2][0, 0] = math.nan
    with pytest.raises(ValueError, match="map 2 holds NaN"):
        measure(maps, masks)
    with pytest.raises(ValueError, match=r"one picture \(H, W\) or \(1, 1, H, W\) at a time"):
        measure([np.ones((2, 3, 3))], [np.ones((2, 3, 3))])


def test_a_limit_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="without 0, got 0"):
        pro([np.ones((2, 2))], [None], 0)


# -- what chance explains ----------------------------------------------------------------------------------


def scorers(gap: float, count: int = 120, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    shared = rng.normal(size=2 * count) + labels
    noise = rng.normal(size=(2, 2 * count)) * 0.2
    return shared + noise[0] + gap * labels, shared + noise[1], labels


def test_a_gain_is_found_and_none_is_not():
    one, two, labels = scorers(0.5)
    gain = paired_bootstrap(one, two, labels)
    assert gain.value == pytest.approx(auroc(one, labels) - auroc(two, labels))
    assert 0 < gain.low < gain.value < gain.high
    nothing = paired_bootstrap(*scorers(0.0))
    assert nothing.low < 0 < nothing.high
    assert paired_bootstrap(one, one, labels) == (0.0, 0.0, 0.0)


def test_pairing_makes_the_interval_shorter():
    one, two, labels = scorers(0.3)
    paired = paired_bootstrap(one, two, labels)
    shuffled = np.random.default_rng(1).permutation(120)
    apart = paired_bootstrap(one, two[np.concatenate([shuffled, 120 + shuffled])], labels)
    assert apart.value == pytest.approx(paired.value)
    assert paired.high - paired.low < 0.6 * (apart.high - apart.low)


def test_the_interval_covers_as_often_as_it_says():
    hits = 0
    for seed in range(40):
        interval = paired_bootstrap(*scorers(0.0, 40, seed), draws=100, level=0.8, seed=seed)
        hits += interval.low <= 0 <= interval.high
    assert 0.65 <= hits / 40 <= 0.95


def test_repetitions_are_averaged():
    one, two, labels = scorers(0.3)
    stacked = paired_bootstrap(np.stack([one, two]), two, labels, draws=50)
    plain = paired_bootstrap(one, two, labels, draws=50)
    assert stacked.value == pytest.approx(plain.value / 2)
    assert stacked.low == pytest.approx(plain.low / 2)


def test_resamples_are_stratified_and_seeded():
    strata = np.array([0, 0, 0, 1, 2, 2])
    seen: list[np.ndarray] = []

    def note(items):
        seen.append(items)
        return float(items.sum())

    first = bootstrap(note, strata, draws=30, seed=3)
    assert all(np.bincount(strata[items], minlength=3).tolist() == [3, 1, 2] for items in seen)
    assert first == bootstrap(note, strata, draws=30, seed=3)
    assert first != bootstrap(note, strata, draws=30, seed=4)


def test_a_gain_that_is_undefined_is_nan():
    assert all(math.isnan(x) for x in paired_bootstrap([1.0, 2.0], [1.0, 2.0], [1, 1], draws=5))
    with pytest.raises(ValueError, match="at least one item"):
        bootstrap(len, [], draws=5)
