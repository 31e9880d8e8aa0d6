"""Measures on drawn faces: the truth is right, doing nothing is as bad as it is called, and nonsense is at chance."""

import pytest
import torch

from gestalt.drawn import faces
from gestalt.ops.chance import seeded
from gestalt.tasks.transfer import edits, exact
from gestalt.tasks.transfer.codes import Rendered
from gestalt.tasks.transfer.exact import Exam, best_threshold, measure, measure_masks, overlap, retrieval
from tasks.transfer.methods import TINY, pictures, small
from tasks.transfer.oracles import Painter, Same, masker

COUNT = 64
CHANCE = 1 / exact.CANDIDATES
HIGHEST = CHANCE + 3 * (CHANCE * (1 - CHANCE) / COUNT) ** 0.5


@pytest.fixture(scope="module")
def asked() -> Exam:
    return exact.exam(COUNT, 32, seed=5)


@pytest.fixture(scope="module")
def right(asked: Exam) -> dict[str, float]:
    return measure(Painter(asked), asked)


def test_the_truth_makes_no_mistake(right):
    for name in ("in", "out", "in_rebuilt", "remove_in", "remove_out", "remove_whole_in", "swap_in", "swap_out"):
        assert right[name] == 0
    assert right["retrieval"] == 1
    assert right["remove_nothing_changed"] == 0


def test_what_needs_no_method_does(right):
    assert right["out_identity"] < 0.002  # pixels that are content's by less than COVERED
    for name in ("in_identity", "in_wrong_answer", "in_mean_answer", "remove_in_identity", "swap_in_identity"):
        assert 0.2 < right[name] < 0.7
    assert right["in_wrong_guide"] == pytest.approx(right["in_wrong_answer"])
    assert right["retrieval_identity"] <= HIGHEST
    assert right["retrieval_mean_answer"] <= HIGHEST


def test_doing_nothing_is_as_bad_as_the_columns_of_identity(asked, right):
    found = measure(Same(), asked)
    for name in ("in", "out", "retrieval", "remove_in", "swap_in"):
        assert found[name] == found[f"{name}_identity"] == right[f"{name}_identity"]
    assert found["in_wrong_guide"] == found["in_identity"]
    assert found["remove_out"] < 0.002
    assert found["in_rebuilt"] == 0
    assert found["touched_outside"] == found["remove_nothing_changed"] == 0


class Brighter(Same):
    """Gives every picture back brighter by two steps of 255, and more so where it is asked for its plain picture."""

    def render(
        self, common: torch.Tensor, *contents: torch.Tensor | None, base: torch.Tensor | None = None
    ) -> Rendered:
        del base
        return Rendered(common + 4 / 255 * (1 if contents else 3))


def test_what_is_touched_is_counted(asked):
    found = measure(Brighter(), asked)
    assert found["touched_outside"] == 1
    assert found["remove_nothing_changed"] == pytest.approx(12 / 255, rel=1e-3)


@pytest.mark.parametrize("name", TINY)
def test_untrained_methods_fail(name, asked):
    found = measure(small(name), asked)
    assert found["retrieval"] <= HIGHEST
    assert found["in"] > 0.75 * found["in_identity"]
    assert found["in_wrong_guide"] == pytest.approx(found["in"], rel=0.05)
    assert found["remove_whole_in"] > 0.75 * found["remove_in_identity"]


def test_guides_shuffled_at_scoring_fail(asked):
    model, order = Painter(asked), torch.randperm(COUNT, generator=seeded(3))
    assert retrieval(edits.add(model, asked.target(), asked.guide()).image, asked) == 1
    assert retrieval(edits.add(model, asked.target(), asked.guide()[order]).image, asked) <= HIGHEST


def test_glasses_that_do_not_look_at_the_guide_fail(asked):
    everywhere = faces.pick(asked.own, torch.zeros(COUNT, dtype=torch.int64))
    assert retrieval(faces.draw(asked.plain, everywhere, size=32).image, asked) <= HIGHEST


# -- on the way --------------------------------------------------------------------------------------------


class Faded(torch.nn.Module):
    """A code in which a number is a place of its own, so that codes between two of them say how much of each."""

    def __init__(self, known: torch.nn.Module, count: int) -> None:
        super().__init__()
        self.known, self.count = known, count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        numbers = self.known(x).flatten().long().clamp_min(0)
        return torch.nn.functional.one_hot(numbers, self.count).float()[:, :, None, None]


class Fader(Painter):
    """Between two right answers it shows as much of each as its codes say."""

    def __init__(self, asked: Exam) -> None:
        super().__init__(asked)
        count = len(self.truth.persons.skin)
        self.common = Faded(self.truth.common, count)
        self.separate = torch.nn.ModuleList([Faded(self.truth.separate, count)])

    def render(
        self, common: torch.Tensor, *contents: torch.Tensor | None, base: torch.Tensor | None = None
    ) -> Rendered:
        del base
        assert contents
        assert contents[0] is not None
        (who_share, who), (what_share, what) = (code.flatten(1).topk(2) for code in (common, contents[0]))
        image = torch.zeros(len(common), 3, self.size, self.size)
        for a in range(2):
            for b in range(2):
                share = (who_share[:, a] * what_share[:, b]).view(-1, 1, 1, 1)
                image += share * self.truth.draw(who[:, a], what[:, b]).image
        return Rendered(image)


def test_steps_on_the_way_are_counted_as_forward_where_they_are():
    asked = exact.exam(16, 32, seed=5)
    assert exact.on_the_way(Fader(asked), asked) == {"between_contents": 1, "between_persons": 1}
    by_number = exact.on_the_way(Painter(asked), asked)  # what lies between two numbers is somebody else
    assert 0.1 < by_number["between_contents"] < 0.5
    assert 0.1 < by_number["between_persons"] < 0.5
    assert exact.on_the_way(Same(), asked)["between_contents"] == 0


# -- masks -------------------------------------------------------------------------------------------------


def test_true_masks_are_found_at_the_threshold_of_the_truth():
    asked, others = (exact.exam(COUNT, 32, seed=5, part=part) for part in (1, 2))
    model = masker(asked, others)
    assert best_threshold(model, others) == exact.COVERED
    found = measure_masks(model, asked, exact.COVERED)
    assert found["mask_iou"] == 1
    assert 0.05 < found["mask_iou_of_all"] < 0.15
    assert 0.2 < measure_masks(model, asked, 0.5)["mask_iou"] < 0.95  # of fewer pixels than content has
    assert measure_masks(model, asked, -1)["mask_iou"] == found["mask_iou_of_all"]
    assert measure_masks(small("mask"), asked, best_threshold(small("mask"), others))["mask_iou"] < 0.25


def test_true_masks_leave_the_rest_alone(asked):
    found = measure(masker(asked), asked)
    assert found["in"] < 0.1  # what a mask lets through of a face
    assert found["out"] < 0.005
    assert found["remove_in"] < 1e-6
    assert found["remove_out"] < 0.001
    assert found["retrieval"] > 0.95


def test_overlap_counts_pixels():
    one, other = (torch.rand(4, 1, 5, 7, generator=seeded(n)) < 0.4 for n in (1, 2))
    one[3], other[3] = False, False
    expected = 0.0
    for a, b in zip(one.flatten(1).tolist(), other.flatten(1).tolist(), strict=True):
        both = sum(p and q for p, q in zip(a, b, strict=True))
        either = sum(p or q for p, q in zip(a, b, strict=True))
        expected += both / max(either, 1) / 4
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(one[:3], one[:3]) == 1


# -- what is asked, and of whom ----------------------------------------------------------------------------


def test_exams_are_of_their_seed_and_part():
    one, again = (exact.exam(16, 32, seed=2) for _ in range(2))
    for a, b in zip(one[:4], again[:4], strict=True):
        assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    for other in (exact.exam(16, 32, seed=3), exact.exam(16, 32, seed=2, part=2)):
        assert not torch.equal(one.plain.skin, other.plain.skin)
    assert not torch.equal(one.plain.skin, one.content.skin)
    assert not torch.equal(one.own.colour, one.other.colour)
    assert one.moustaches is None


def test_guides_are_other_people_with_the_glasses_to_give(asked):
    order = torch.arange(COUNT).roll(1)
    assert torch.equal(
        asked.guide()[0],
        faces.draw(asked.content, faces.pick(asked.other, torch.arange(COUNT).roll(-1)), size=32).image[-1],
    )
    assert torch.equal(asked.guide(), faces.draw(faces.pick(asked.content, order), asked.other, size=32).image)


def test_of_two_sides_the_answer_has_no_moustache():
    asked = exact.exam(16, 32, seed=2, two=True)
    assert asked.moustaches is not None
    bare = faces.draw(asked.plain, size=32).image
    apart = (asked.target() - bare).abs().amax((1, 2, 3))
    assert (apart > 0.05).sum() > 12
    answer = asked.answer()
    outside = (answer.glasses == 0).expand_as(bare)
    assert torch.equal(answer.image[outside], bare[outside])


@pytest.mark.parametrize("two", [False, True])
def test_sides_are_of_other_people_and_of_their_seed(two):
    content, plain = exact.sides(10, 32, seed=1, two=two)
    for side in (content, plain):
        assert side.learned.shape == (10, 32, 32, 3)
        assert side.held_out.shape == (64, 32, 32, 3)
        assert side.learned.dtype == torch.uint8
    again = exact.sides(10, 32, seed=1, two=two)
    assert torch.equal(content.learned, again[0].learned)
    assert torch.equal(plain.held_out, again[1].held_out)
    assert not torch.equal(plain.learned, content.learned)
    one_sided = exact.sides(10, 32, seed=1)
    assert torch.equal(content.learned, one_sided[0].learned)
    assert torch.equal(plain.learned, one_sided[1].learned) == (not two)


# -- probes ------------------------------------------------------------------------------------------------


class Coded(torch.nn.Module):
    """Common codes that are the pictures themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.common = torch.nn.Identity()


def test_a_probe_tells_what_can_be_told_and_nothing_else():
    model, one, other = Coded(), pictures(120, 4, seed=1), pictures(120, 4, seed=2)
    assert exact.leaks(model, one, other)["leakage"] == pytest.approx(0.5, abs=0.15)  # pyright: ignore
    assert exact.leaks(model, one + 1, other)["leakage"] == 1  # pyright: ignore
    hidden = one.clone()
    hidden[:, 1, 2, 3] += 4
    assert exact.leaks(model, hidden, other)["leakage"] > 0.7  # pyright: ignore


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_probe_of_very_few_pictures_says_something_or_nothing(count):
    model = Coded()
    found = exact.leaks(model, pictures(count, 4), pictures(count, 4, seed=1))  # pyright: ignore
    assert list(found) == (["leakage"] if count > 1 else [])
    assert all(0 <= value <= 1 for value in found.values())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_what_codes_say_of_looks_is_found_as_far_as_they_say_it(share):
    looks = torch.randn(2000, 4, generator=seeded(1))
    others = torch.randn(2000, 4, generator=seeded(2))
    said = share**0.5 * looks + (1 - share) ** 0.5 * others  # of which a rule knows that share of the variance
    hidden = torch.randn(2000, 36, generator=seeded(3))
    codes = torch.cat([said, hidden], 1) @ torch.randn(40, 480, generator=seeded(4))
    assert exact.explained(codes, looks) == pytest.approx(share, abs=0.05)
    assert exact.explained(codes, 100 * looks + 7) == pytest.approx(exact.explained(codes, looks), abs=1e-6)


def test_the_rule_of_looks_is_ridge_regression_that_leaves_one_out():
    codes, looks = torch.randn(60, 7, generator=seeded(1)).double(), torch.randn(60, 2, generator=seeded(2)).double()
    looks += codes[:, :2]
    known, judged = ((some - codes[:30].mean(0)) / codes[:30].std(0) for some in codes.split(30))
    wanted, right = ((some - looks[:30].mean(0)) for some in looks.split(30))
    strongest = torch.linalg.eigvalsh(known.T @ known)[-1]

    def rule(rows: list[int], ridge: torch.Tensor) -> torch.Tensor:
        some = known[rows]
        return torch.linalg.solve(some.T @ some + ridge * torch.eye(7).double(), some.T @ wanted[rows])

    def missed(ridge: torch.Tensor) -> float:
        errors = [known[n] @ rule([row for row in range(30) if row != n], ridge) - wanted[n] for n in range(30)]
        return float(torch.stack(errors).square().sum())

    ridge = min((strongest * 10.0**power for power in range(-6, 7)), key=missed)
    said = judged @ rule(list(range(30)), ridge)
    expected = 1 - (said - right).square().mean(0) / right.square().mean(0)
    assert exact.explained(codes, looks) == pytest.approx(float(expected.mean()), rel=1e-6)


def test_looks_are_those_of_the_sources_glasses():
    asked, model = exact.exam(600, 16, seed=1), Coded()
    assert asked.looks().shape == (600, 8)
    model.separate = torch.nn.ModuleList([torch.nn.AvgPool2d(16)])
    found = exact.looks_known(model, asked)  # pyright: ignore
    assert found["leakage_of_content"] > found["content_in_own_code"] + 0.1  # of pixels, and of one mean colour
    codes = asked.source().image.flatten(1)
    assert found["leakage_of_content"] == pytest.approx(exact.explained(codes, asked.looks()), rel=1e-6)


def test_chunks_are_the_whole():
    x, model = pictures(150, 4), small("disentangle")
    calls = []

    def edit(some: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        calls.append(len(some))
        return some - other

    found = exact.in_chunks(model, edit, x, x.flip(0))
    assert torch.equal(found, x - x.flip(0))
    assert calls == [64, 64, 22]
