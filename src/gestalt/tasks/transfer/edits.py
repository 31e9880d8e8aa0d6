"""What a trained method does to pictures: add, swap, remove, interpolate, translate, compose, segment.

All of these take and give (N, 3, S, S) in [-1, 1] at the size the method was trained at.
"""

import torch
from torch import Tensor

from gestalt.tasks.transfer.codes import Painted, Rendered, Transfer
from gestalt.tasks.transfer.mask import Mask

FAINT, SOLID = 0.05, 0.85
"""Where a mask is fainter than the first, nothing is pasted, so that what lies outside stays as it is, bit for bit;
where it is above the second, content covers wholly. Masks are learned fainter than content is, whose place is never
certain."""

COVERED = 0.1
"""Where a mask is above this, content is taken away, as published."""

CONTENT, PLAIN = 0, 1
"""Numbers of the sides, and of the codes of what they alone have."""


@torch.no_grad()
def add(model: Transfer, target: Tensor, guide: Tensor, *, side: int = CONTENT) -> Rendered:
    """The target with the guide's content; with two kinds of content, without its own.

    Args:
        model: ready to use.
        target: N pictures, or one for all guides.
        guide: N pictures, or one for all targets.
        side: of the guide.
    """
    return give(model, target, model.separate[side](guide), side=side)


@torch.no_grad()
def give(model: Transfer, target: Tensor, content: Tensor, *, side: int = CONTENT) -> Rendered:
    """As `add`, the content by its separate code (N, C, R, R), or one for all targets."""
    common, content = _together(model.common(target), content)
    return _given(model, common, content, side=side, base=target.expand(len(common), -1, -1, -1))


@torch.no_grad()
def remove(model: Transfer, x: Tensor, *, whole: bool = False) -> Rendered:
    """The pictures without their content.

    Args:
        model: ready to use.
        x: N pictures.
        whole: take the plain picture as a whole; otherwise a mask method takes it only where content was, so that all
            else stays, bit for bit.
    """
    common = model.common(x)
    plain = model.render(common)
    if whole or not isinstance(model, Mask):
        return plain
    covered = (model.paint(common, model.separate[0](x)).mask > COVERED).to(x.dtype)
    return _pasted(plain.image, covered, x)


@torch.no_grad()
def swap(model: Transfer, x: Tensor, guide: Tensor, *, side: int = CONTENT) -> Rendered:
    """The pictures with the guide's content, which is of some side, in the place of their own."""
    common, content = _together(model.common(x), model.separate[side](guide))
    if not isinstance(model, Mask):
        return model.render(common, *_slots(content, side))
    bare = remove(model, x)
    given = _given(model, common, content, side=side, base=bare.image.expand(len(common), -1, -1, -1))
    return Rendered(given.image, bare.pasted + given.pasted)


@torch.no_grad()
def between(model: Transfer, target: Tensor, one: Tensor, other: Tensor, share: float, *, side: int = 0) -> Rendered:
    """The target with content on the way from one guide's to the other's; share 0 is the first."""
    return give(model, target, model.separate[side](one).lerp(model.separate[side](other), share), side=side)


@torch.no_grad()
def morph(model: Transfer, one: Tensor, other: Tensor, guide: Tensor, share: float, *, side: int = 0) -> Rendered:
    """A picture on the way from one to the other, with the guide's content; a mask method paints its own base."""
    common, content = _together(model.common(one).lerp(model.common(other), share), model.separate[side](guide))
    return model.render(common, *_slots(content, side))


@torch.no_grad()
def compose(model: Transfer, z: Tensor, first: Tensor, second: Tensor) -> Rendered:
    """The face of z with the content of a picture of the first side and that of one of the second.

    Raises:
        ValueError: the method has one kind of content.
    """
    if model.contents < 2:
        raise ValueError("to compose content of two sides takes a model of --method intersection")
    return model.render(model.common(z), model.separate[CONTENT](first), model.separate[PLAIN](second))


@torch.no_grad()
def segment(model: Transfer, x: Tensor) -> Tensor:
    """Where content is: the mask with which a picture's own content is pasted on it again, (N, 1, S, S) in [0, 1].

    Methods without a mask have the change that removal makes, of at most the whole range.
    """
    if isinstance(model, Mask):
        return model.paint(model.common(x), model.separate[0](x)).mask
    own = model.render(model.common(x), model.separate[0](x)).image
    return (own - remove(model, x).image).abs().mean(1, keepdim=True) / 2


def _given(model: Transfer, common: Tensor, content: Tensor, *, side: int, base: Tensor) -> Rendered:
    """Pictures with content: pasted on them where the method has a mask, painted as a whole otherwise."""
    if not isinstance(model, Mask):
        return model.render(common, *_slots(content, side))
    painted = model.paint(common, content)
    return _pasted(painted.picture, ((painted.mask - FAINT) / (SOLID - FAINT)).clamp(0, 1), base)


def _pasted(picture: Tensor, mask: Tensor, base: Tensor) -> Rendered:
    painted = Painted(picture, mask)
    return Rendered(painted.on(base), (painted,))


def _slots(content: Tensor, side: int) -> tuple[Tensor | None, ...]:
    return (content,) if side == CONTENT else (None, content)


def _together(common: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
    """Codes of as many targets as guides; one serves for many."""
    count = max(len(common), len(content))
    return common.expand(count, -1, -1, -1), content.expand(count, -1, -1, -1)
