"""Mask-based content transfer: content is a picture and a mask, pasted on a picture that stays as it is (ICLR 2020).

With x a picture with content, y one without, E common, S separate, P the decoder of plain pictures and M that of
content, which gives a picture z and a mask m and pastes them on a base b: M(c, s; b) = m z + (1 - m) b,

    pasted          |M(E(x), S(x); P(E(x))) - x|        on the picture's own plain version
    plain           |P(E(y)) - y|
    again           |M(E(x), S(x); x) - x|              nothing changes
    nothing         |M(E(y), 0; y) - y|                 nothing changes
    cycle_common    (E(t) - E(y))^2, t = M(E(y), S(x); y) the transfer
    cycle_separate  (S(t) - S(x))^2

and confusion as in `codes`. Nothing asks for a small mask: where the base is right already, to copy it is cheapest.

Departures, beside those of `codes`: P sees the common code alone, where the published one has inputs for a separate
code that is always zero; removal gives it the same, where the published script gives it the separate code.

References:
    Mokady, Benaim, Wolf, Bermano: Mask Based Unsupervised Content Transfer. ICLR 2020.
"""

from typing import final

from torch import Tensor
from torch.nn import functional as F

from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.codes import Decoder, Painted, Rendered, Seen, Terms, Transfer, widths


@final
class Mask(Transfer):
    """See the module."""

    def __init__(self, settings: config.Mask) -> None:
        super().__init__(settings, norm="batch", most=4 * settings.width)
        counts = widths(settings)[-2::-1]
        shared = settings.code - settings.separate
        self.plain = Decoder(shared, counts, 3, norm="batch", slope=0.2)
        self.content = Decoder(settings.code, counts, 4, norm="batch", slope=0.2)
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
        painted = self.content(self.code(common, *contents))
        return Painted(painted[:, 1:].tanh(), painted[:, :1].sigmoid())

    def terms(self, seen: Seen) -> Terms:
        """See `Transfer.terms`."""
        x, y, weights, content = seen.x, seen.y, self.weights, self.separate[0](seen.moved_x)
        own = self.paint(seen.common_x, content)
        terms = {
            "pasted": (weights.pasted, F.l1_loss(own.on(self.plain(seen.common_x).tanh()), x)),
            "plain": (weights.plain, F.l1_loss(self.plain(seen.common_y).tanh(), y)),
            "again": (weights.again, F.l1_loss(own.on(x), x)),
            "nothing": (weights.nothing, F.l1_loss(self.render(seen.common_y, None, base=y).image, y)),
        }
        moved = (
            self.render(seen.common_y, content, base=y).image if weights.cycle_common or weights.cycle_separate else y
        )
        if weights.cycle_common:
            terms["cycle_common"] = (weights.cycle_common, F.mse_loss(self.common(moved), seen.common_y))
        if weights.cycle_separate:
            terms["cycle_separate"] = (weights.cycle_separate, F.mse_loss(self.separate[0](moved), content))
        return terms
