"""Drawn faces, where the right answer of every edit is known: how far a method is from it.

    in, out      mean difference inside and outside of what the guide's content covers, in units of [-1, 1]
    retrieval    how often the result is nearest to the right answer among 16 with other guides' content; 1 in 16 by
                 chance, and by adding glasses without looking at the guide
    remove       the same difference of removal, beside that of doing nothing
    swap         that of a swap
    mask         intersection over union with where content truly is
    touched      the part of pixels outside that an addition changes by more than a step of 255; removal's change of
                 pictures that have nothing to remove
    between      how often a step on the way from one guide's content, or from one person, to another comes nearer to
                 the right answer at the end and goes away from that at the beginning
    leakage      how often a linear rule knows from common codes which side they come from

Beside each stands what needs no method: the target as it is (`identity`), the right answer for another guide
(`wrong guide`), average glasses (`mean answer`), and the picture that the networks can at best paint (`rebuilt`).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from gestalt.drawn import faces
from gestalt.drawn.faces import Drawn, Glasses, Moustaches, People
from gestalt.ops.chance import seeded
from gestalt.tasks.transfer import edits
from gestalt.tasks.transfer.codes import Transfer
from gestalt.tasks.transfer.pictures import Side, as_bytes

COVERED, CANDIDATES, CHUNK = 0.15, 16, 64
"""Opacity from which a pixel is content's; answers to choose among; pictures that are looked at at once."""

SEEN = 2 / 255
"""A step of 255, in pictures in [-1, 1]."""

THRESHOLDS = tuple(n / 20 for n in range(1, 20))
"""Of masks, tried where the truth is known."""


class Questions(Protocol):
    """What a method is asked, where every answer is known; content counts as glasses, whatever it is.

    All of these give N pictures (N, 3, S, S) in [-1, 1], those that are drawn with the opacity of their content.
    """

    def target(self) -> Tensor:
        """Pictures without content."""
        ...

    def source(self) -> Drawn:
        """Pictures with content."""
        ...

    def guide(self) -> Tensor:
        """Others with the content to be given."""
        ...

    def answer(self, order: Tensor | None = None) -> Drawn:
        """The targets with the guides' content; `order` (N,) takes that of other guides."""
        ...

    def mean_answer(self) -> Tensor:
        """The targets with average content."""
        ...

    def bare(self) -> Tensor:
        """The sources without their content."""
        ...

    def swapped(self) -> Drawn:
        """The sources with the guides' content for their own."""
        ...


class Exam(NamedTuple):
    """Drawn faces: targets, guides and factors, none of which were learned from; one-sided unless there are moustaches.

    plain, content: who is in pictures without and with content.
    own, other: glasses that `content` wear, and those of guides.
    moustaches: that `plain` wear; None where they wear nothing.
    size: S.
    """

    plain: People
    content: People
    own: Glasses
    other: Glasses
    moustaches: Moustaches | None
    size: int

    def target(self) -> Tensor:
        """Pictures without glasses."""
        return faces.draw(self.plain, None, self.moustaches, size=self.size).image

    def source(self) -> Drawn:
        """Pictures with glasses."""
        return faces.draw(self.content, self.own, size=self.size)

    def guide(self) -> Tensor:
        """Other people with the glasses to be given: the next one's face with the guide's glasses."""
        order = torch.arange(len(self.own.tint)).roll(1)
        return faces.draw(faces.pick(self.content, order), self.other, size=self.size).image

    def answer(self, order: Tensor | None = None) -> Drawn:
        """The targets with the guides' glasses, and without what they had; `order` (N,) takes other guides."""
        worn = self.other if order is None else faces.pick(self.other, order)
        return faces.draw(self.plain, worn, size=self.size)

    def mean_answer(self) -> Tensor:
        """The targets with average glasses."""
        mean = Glasses(*(values.mean(0, keepdim=True).expand_as(values) for values in self.other))
        return faces.draw(self.plain, mean, size=self.size).image

    def bare(self) -> Tensor:
        """The pictures with glasses, without them."""
        return faces.draw(self.content, size=self.size).image

    def swapped(self) -> Drawn:
        """The pictures with glasses, with the guides' for their own."""
        return faces.draw(self.content, self.other, size=self.size)

    def looks(self) -> Tensor:
        """What the sources' glasses look like: colour, tint, shape and size, but not where they are."""
        return torch.cat([values.reshape(len(values), -1) for values in self.own], 1)


def sides(count: int, size: int, *, seed: int, two: bool = False) -> tuple[Side, Side]:
    """Two folders to learn from, of other people each, and a few held out.

    Args:
        count: pictures of each side.
        size: S.
        seed: of all chance.
        two: whether those without glasses have moustaches.
    """
    found = []
    for side in range(2):
        chance = seeded(seed, 31, side)
        whole = count + 64
        persons = faces.people(whole, chance)
        worn = faces.glasses(whole, chance) if side == 0 else None
        hair = faces.moustaches(whole, chance) if side == 1 and two else None
        drawn = as_bytes(faces.draw(persons, worn, hair, size=size).image)
        found.append(Side(drawn[:count], drawn[count:]))
    return found[0], found[1]


def exam(count: int, size: int, *, seed: int, part: int = 1, two: bool = False) -> Exam:
    """Factors that were not learned from, by a seed and the number of the part."""
    chance = seeded(seed, 37, part)
    plain, content = (faces.people(count, chance) for _ in range(2))
    own, other = (faces.glasses(count, chance) for _ in range(2))
    return Exam(plain, content, own, other, faces.moustaches(count, chance) if two else None, size)


@torch.no_grad()
def measure(model: Transfer, asked: Questions) -> dict[str, float]:
    """Every figure of the module's list, with those that need no method beside.

    Args:
        model: ready to use.
        asked: what to do.
    """
    target, source, guide = asked.target(), asked.source(), asked.guide()
    right, order = asked.answer(), torch.arange(len(target)).roll(1)
    wrong, mean = asked.answer(order), asked.mean_answer()
    covered = right.glasses > COVERED
    given = in_chunks(model, lambda t, g: edits.add(model, t, g).image, target, guide)
    found = {
        "in": _difference(given, right.image, covered),
        "in_identity": _difference(target, right.image, covered),
        "in_wrong_guide": _difference(
            in_chunks(model, lambda t, g: edits.add(model, t, g).image, target, guide.roll(1, 0)), right.image, covered
        ),
        "in_wrong_answer": _difference(wrong.image, right.image, covered),
        "in_mean_answer": _difference(mean, right.image, covered),
        "out": _difference(given, right.image, ~covered),
        "out_identity": _difference(target, right.image, ~covered),
        "touched_outside": float(((given - target).abs().amax(1, keepdim=True) > SEEN)[~covered].float().mean()),
        "retrieval": retrieval(given, asked),
        "retrieval_identity": retrieval(target, asked),
        "retrieval_mean_answer": retrieval(mean, asked),
    }
    rebuilt = in_chunks(model, lambda a: model.render(model.common(a), model.separate[0](a)).image, right.image)
    found["in_rebuilt"] = _difference(rebuilt, right.image, covered)

    bare = asked.bare()
    worn = source.glasses > COVERED
    for name, whole in (("remove", False), ("remove_whole", True)):
        removed = in_chunks(model, lambda x, w=whole: edits.remove(model, x, whole=w).image, source.image)
        found[f"{name}_in"] = _difference(removed, bare, worn)
        found[f"{name}_out"] = _difference(removed, bare, ~worn)
    kept = in_chunks(model, lambda x: edits.remove(model, x).image, bare)
    found["remove_nothing_changed"] = float((kept - bare).abs().mean())
    found["remove_in_identity"] = _difference(source.image, bare, worn)

    swapped = asked.swapped()
    either = worn | (swapped.glasses > COVERED)
    result = in_chunks(model, lambda x, g: edits.swap(model, x, g).image, source.image, guide)
    found["swap_in"] = _difference(result, swapped.image, either)
    found["swap_in_identity"] = _difference(source.image, swapped.image, either)
    found["swap_out"] = _difference(result, swapped.image, ~either)
    return found | on_the_way(model, asked) | leaks(model, source.image, target)


@torch.no_grad()
def on_the_way(model: Transfer, asked: Questions, *, steps: int = 4) -> dict[str, float]:
    """How often a step between two guides' contents, or two persons, goes forward from one right answer to another."""
    target, guide = asked.target(), asked.guide()
    order = torch.arange(len(target)).roll(1)
    first, content_last = asked.answer().image, asked.answer(order).image
    person_last = asked.answer(torch.arange(len(target)).roll(-1)).image[order]  # the next person, with one's own guide
    shares = [n / steps for n in range(steps + 1)]

    def by_content(t: Tensor, g: Tensor, other: Tensor, share: float) -> Tensor:
        return edits.between(model, t, g, other, share).image

    def by_person(t: Tensor, g: Tensor, other: Tensor, share: float) -> Tensor:
        return edits.morph(model, t, other, g, share).image

    found = {}
    for name, edit, other, last in (
        ("between_contents", by_content, guide[order], content_last),
        ("between_persons", by_person, target[order], person_last),
    ):
        apart = []
        for share in shares:
            there = in_chunks(model, partial(edit, share=share), target, guide, other)
            apart.append(torch.stack([(there - end).square().mean((1, 2, 3)) for end in (first, last)]))
        begun, left = torch.stack(apart, 1).diff(dim=1)
        found[name] = float(((begun > 0) & (left < 0)).float().mean())
    return found


@torch.no_grad()
def measure_masks(model: Transfer, asked: Questions, threshold: float) -> dict[str, float]:
    """How well content is found, from some value of the mask on, beside taking everything for content."""
    drawn = asked.source()
    masks = in_chunks(model, lambda x: edits.segment(model, x), drawn.image)
    truth = drawn.glasses > COVERED
    return {"mask_iou": overlap(masks > threshold, truth), "mask_iou_of_all": overlap(torch.ones_like(truth), truth)}


@torch.no_grad()
def best_threshold(model: Transfer, known: Questions) -> float:
    """The threshold of masks that finds content best where it is known; no method can know it."""
    drawn = known.source()
    masks = in_chunks(model, lambda x: edits.segment(model, x), drawn.image)
    return max(THRESHOLDS, key=lambda cut: overlap(masks > cut, drawn.glasses > COVERED))


def retrieval(given: Tensor, asked: Questions) -> float:
    """How often a result is nearest to the right answer among `CANDIDATES` with other guides' content."""
    count = len(given)
    candidates = min(CANDIDATES, count)
    distances = torch.stack(
        [
            (given - asked.answer(torch.arange(count).roll(-n)).image).square().mean((1, 2, 3))
            for n in range(candidates)
        ],
        1,
    )
    return float((distances.argmin(1) == 0).float().mean())


def overlap(one: Tensor, other: Tensor) -> float:
    """Intersection over union, mean over pictures (N, 1, S, S) of bool."""
    both, either = ((how(one, other)).flatten(1).sum(1).float() for how in (torch.logical_and, torch.logical_or))
    return float((both / either.clamp_min(1)).mean())


@torch.no_grad()
def leaks(model: Transfer, with_content: Tensor, without: Tensor, *, ridge: float = 1.0) -> dict[str, float]:
    """How often a linear rule tells from common codes which side they come from; .5 were ideal.

    A half of the pictures is for finding the rule, by ridge regression; the other is judged. Of one picture there is
    no half, and nothing is said.
    """
    half = min(len(with_content), len(without)) // 2
    if not half:
        return {}
    codes = [in_chunks(model, model.common, x).flatten(1) for x in (with_content, without)]
    some, rest = (torch.cat([c[part] for c in codes]).double() for part in (slice(0, half), slice(half, 2 * half)))
    label = torch.cat([torch.ones(half), -torch.ones(half)]).double().to(some.device)
    mean, deviation = some.mean(0), some.std(0).clamp_min(1e-6)
    known, judged = ((x - mean) / deviation for x in (some, rest))
    gram = known @ known.T + ridge * known.shape[1] ** 0.5 * torch.eye(len(known)).to(known)
    said = judged @ (known.T @ torch.linalg.solve(gram, label))
    return {"leakage": float(((said > 0) == (label > 0)).double().mean())}


@torch.no_grad()
def looks_known(model: Transfer, asked: Exam) -> dict[str, float]:
    """R^2 of linear rules that tell from a code what glasses look like; 0 where it does not say, 1 where it says all.

    Of common codes (`leakage_of_content`, which should be 0) and, for comparison, of the separate code.
    """
    read = {"leakage_of_content": model.common, "content_in_own_code": model.separate[0]}
    codes: dict[str, list[Tensor]] = {name: [] for name in read}
    for some in torch.arange(len(asked.own.tint)).split(4 * CHUNK):
        pictures = faces.draw(faces.pick(asked.content, some), faces.pick(asked.own, some), size=asked.size).image
        for name, encoder in read.items():
            codes[name].append(in_chunks(model, encoder, pictures).flatten(1))
    return {name: explained(torch.cat(found), asked.looks()) for name, found in codes.items()}


def explained(codes: Tensor, looks: Tensor) -> float:
    """What part of the variance of numbers (N, F) a linear rule explains by codes (N, C), mean over F.

    One half finds the rule, by ridge regression as strong as foretells one that is left out best, and the other is
    judged; so codes that say nothing come to about 0, and what they say is found the better the more N exceeds C.
    """
    half = len(codes) // 2
    x, y = (some.double().cpu() for some in (codes, looks))
    x = (x - x[:half].mean(0)) / x[:half].std(0).clamp_min(1e-6)
    y = y - y[:half].mean(0)
    values, vectors = torch.linalg.eigh(x[:half].T @ x[:half])
    turned, right = x[:half] @ vectors, x[:half].T @ y[:half]
    rules = []
    for power in range(-6, 7):
        shrunk = values.clamp_min(0) + values[-1] * 10.0**power
        rule = vectors @ ((vectors.T @ right) / shrunk[:, None])
        weight = (turned.square() / shrunk).sum(1, keepdim=True)  # of each picture's own numbers in what is said of it
        rules.append((float(((y[:half] - x[:half] @ rule) / (1 - weight)).square().sum()), rule))
    said = x[half:] @ min(rules, key=lambda one: one[0])[1]
    return float((1 - (said - y[half:]).square().mean(0) / y[half:].square().mean(0)).mean())


@torch.no_grad()
def in_chunks(model: nn.Module, edit: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """An edit of many pictures, some at a time on the model's device; results come back to where pictures are."""
    device = next(model.parameters()).device
    parts = zip(*(x.split(CHUNK) for x in pictures), strict=True)
    return torch.cat([edit(*(x.to(device) for x in some)).to(pictures[0].device) for some in parts])


def _difference(one: Tensor, other: Tensor, where: Tensor) -> float:
    """Mean absolute difference of (N, 3, S, S) where (N, 1, S, S) is true."""
    return float((one - other).abs().mean(1, keepdim=True)[where].mean())
