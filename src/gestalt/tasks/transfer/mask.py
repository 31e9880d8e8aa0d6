"""Mask-based content transfer: content is a picture and a mask, pasted on a picture that stays as it is (ICLR 2020).

With x a picture with content, y one without, E common, S separate, P the decoder of plain pictures and M that of
content, which gives a picture z and a mask m and pastes them on a base b: M(c, s; b) = m z + (1 - m) b,

    pasted          |M(E(x), S(x); P(E(x))) - x|        on the picture's own plain version
    plain           |P(E(y)) - y|
    again           |M(E(x), S(x); x) - x|              nothing changes
    nothing         |M(E(y), 0; y) - y|                 nothing changes
    cycle_common    (E(t) - E(y))^2, t = M(E(y), S(x); y) the transfer
    cycle_separate  (S(t) - S(x))^2, with x moved by some pixels (`codes`) and t as it is

and confusion as in `codes`. As published nothing asks for a small mask: where the base is right already, to copy it is
cheapest. But P's pictures are soft, and M learns to mend them wherever it can, ground and hair too. So

    small           mean of m

is our own, and weighs too little to matter where content is.

Departures, beside those of `codes`: P sees the common code alone, where the published one has inputs for a separate
code that is always zero; removal gives it the same, where the published script gives it the separate code.

References:
    Mokady, Benaim, Wolf, Bermano: Mask Based Unsupervised Content Transfer. ICLR 2020.
"""

from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.codes import Decoder, Painted, Rendered, Seen, Terms, Transfer, widths


@final
class Mask(Transfer):
    """See the module."""

    def __init__(self, settings: config.Mask) -> None:
        networks, counts = settings.networks, widths(settings)[-2::-1]
        super().__init__(settings, most=4 * networks.width)
        how: dict[str, Any] = {"fold": settings.block, "norm": networks.norm, "slope": 0.2}
        self.plain = Decoder(settings.shared, counts, 3, **how)
        self.content = Decoder(networks.code, counts, 4, **how)
        self.weights = settings.weights

    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        """See `Transfer.render`; without content and base it is the plain picture."""
        below = self.plain(common).tanh() if base is None else base
        if base is None and (not contents or contents[0] is None):
            return Rendered(below)
        painted = self.paint(common, *contents)
        return Rendered(painted.on(below), (painted,))

    def paint(self, common: Tensor, *contents: Tensor | None) -> Painted:
        """Content, before it is pasted on anything."""
        return _painted(self.content(self.code(common, *contents)))

    def terms(self, seen: Seen) -> Terms:
        """See `Transfer.terms`."""
        x, y, weights, content = seen.x, seen.y, self.weights, seen.contents[0]
        plain_x, plain_y = (one.tanh() for one in self.together(self.plain, [seen.common_x, seen.common_y]))
        has_cycle = bool(weights.cycle_common or weights.cycle_separate)
        codes = [(seen.common_x, content), (seen.common_y, torch.zeros_like(content))]
        codes += [(seen.common_y, content)] * has_cycle
        own, none, *given = map(_painted, self.together(self.content, [self.code(*each) for each in codes]))
        terms = {
            "pasted": (weights.pasted, F.l1_loss(own.on(plain_x), x)),
            "plain": (weights.plain, F.l1_loss(plain_y, y)),
            "again": (weights.again, F.l1_loss(own.on(x), x)),
            "nothing": (weights.nothing, F.l1_loss(none.on(y), y)),
        }
        if weights.small:
            terms["small"] = (weights.small, (own.mask.mean() + none.mask.mean()) / 2)
        if weights.cycle_common:
            moved = given[0].on(y)
            terms["cycle_common"] = (weights.cycle_common, F.mse_loss(self.common(moved), seen.common_y))
        if weights.cycle_separate:
            moved = given[0].on(y)
            terms["cycle_separate"] = (weights.cycle_separate, F.mse_loss(self.separate[0](moved), content))
        return terms


def _painted(out: Tensor) -> Painted:
    """What the decoder of content gives, (N, 4, S, S), as mask and picture."""
    return Painted(out.tanh()[:, 1:], out[:, :1].sigmoid())  # tanh of a slice is several times slower
