"""Methods that know every picture of an exam and whose it is, for tests of how methods are measured."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gestalt.drawn import faces
from gestalt.drawn.faces import Drawn, Glasses, People
from gestalt.tasks.transfer.codes import Painted, Rendered, Seen, Terms, Transfer
from gestalt.tasks.transfer.exact import Exam
from tasks.transfer.methods import TINY, small


class Lookup(nn.Module):
    """A code that is a number: that of the known picture that is nearest."""

    def __init__(self, known: Tensor, numbers: Tensor) -> None:
        super().__init__()
        self.known, self.numbers = known.flatten(1), numbers.float()

    def forward(self, x: Tensor) -> Tensor:
        return self.numbers[torch.cdist(x.flatten(1), self.known).argmin(1)].view(-1, 1, 1, 1)


class Truth:
    """All factors of exams by number, and a picture of each that is asked about."""

    def __init__(self, *exams: Exam) -> None:
        self.size = exams[0].size
        count = len(exams[0].own.tint)
        turned = torch.arange(count).roll(1)
        persons = [part for one in exams for part in (one.plain, one.content)]
        worn = [part for one in exams for part in (one.own, one.other)]
        self.persons = People(*map(torch.cat, zip(*persons, strict=True)))
        self.worn = Glasses(*map(torch.cat, zip(*worn, strict=True)))
        known, who, what = [], [], []
        for n, one in enumerate(exams):
            plain, content = (torch.arange(count) + (2 * n + part) * count for part in (0, 1))
            own, other = plain, content  # glasses are numbered likewise
            for picture, persons_, glasses_ in (
                (one.target(), plain, own * 0 - 1),
                (one.source().image, content, own),
                (one.guide(), content[turned], other),
                (one.answer().image, plain, other),
            ):
                known.append(picture)
                who.append(persons_)
                what.append(glasses_)
        self.common = Lookup(torch.cat(known), torch.cat(who))
        self.separate = Lookup(torch.cat(known), torch.cat(what))

    def draw(self, common: Tensor, content: Tensor | None) -> Drawn:
        persons = faces.pick(self.persons, common.flatten().long())
        worn = None if content is None else faces.pick(self.worn, content.flatten().long())
        return faces.draw(persons, worn, size=self.size)


class Painter(Transfer):
    """Paints the right picture as a whole."""

    def __init__(self, *exams: Exam) -> None:
        super().__init__(TINY["disentangle"], most=8)
        self.truth = Truth(*exams)
        self.common: Any = self.truth.common
        self.separate = nn.ModuleList([self.truth.separate])

    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        del base
        return Rendered(self.truth.draw(common, contents[0] if contents else None).image)

    def terms(self, seen: Seen) -> Terms:
        del seen
        return {}


class Same(Transfer):
    """Gives every picture back as it is."""

    def __init__(self) -> None:
        super().__init__(TINY["disentangle"], most=8)
        self.common: Any = nn.Identity()

    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        del contents, base
        return Rendered(common)

    def terms(self, seen: Seen) -> Terms:
        del seen
        return {}


class _Plain(nn.Module):
    def __init__(self, truth: Truth) -> None:
        super().__init__()
        self.truth = truth

    def forward(self, common: Tensor) -> Tensor:
        return self.truth.draw(common, None).image.atanh()


def masker(*exams: Exam) -> Any:
    """A mask method whose mask is the true opacity."""
    model = small("mask")
    truth = Truth(*exams)

    def paint(common: Tensor, *contents: Tensor | None) -> Painted:
        drawn = truth.draw(common, contents[0])
        return Painted(drawn.image, drawn.glasses)

    model.common, model.separate, model.plain = truth.common, nn.ModuleList([truth.separate]), _Plain(truth)
    model.paint = paint
    return model
