"""Emerging disentanglement: one decoder paints the whole picture from a common and a separate code (ICLR 2019).

With x a picture with content, y one without, E common, S separate, D the decoder, d the critic,

    L = (D(E(x), S(x)) - x)^2 + (D(E(y), 0) - y)^2 + lambda (BCE(d(E(x)), 0) + BCE(d(E(y)), 0)).

Differences are squared, as in the released code; the authors' slides write them absolute (`reconstruction`).

References:
    Press, Galanti, Benaim, Wolf: Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content Transfer.
        ICLR 2019.
"""

from typing import final

from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.codes import Seen, Terms, Whole


@final
class Disentangle(Whole):
    """See the module."""

    def __init__(self, settings: config.Disentangle) -> None:
        super().__init__(settings, most=4 * settings.networks.width)

    def terms(self, seen: Seen) -> Terms:
        """See `Transfer.terms`."""
        with_content, without = self.decode(self.code(seen.common_x, seen.contents[0]), self.code(seen.common_y))
        return {
            "content": (1.0, self.difference(with_content, seen.x)),
            "plain": (1.0, self.difference(without, seen.y)),
        }
