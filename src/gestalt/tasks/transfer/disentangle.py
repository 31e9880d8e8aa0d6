"""Emerging disentanglement: one decoder paints the whole picture from a common and a separate code (ICLR 2019).

With x a picture with content, y one without, E common, S separate, D the decoder, d the critic,

    L = |D(E(x), S(x)) - x| + |D(E(y), 0) - y| + lambda (BCE(d(E(x)), 0) + BCE(d(E(y)), 0)).

Departures, beside those of `codes`: differences are absolute, as the paper writes, where its code squares them
(`reconstruction`).

References:
    Press, Galanti, Benaim, Wolf: Emerging Disentanglement in Auto-Encoder Based Unsupervised Image Content Transfer.
        ICLR 2019.
"""

from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.codes import Decoder, Rendered, Seen, Terms, Transfer, widths


@final
class Disentangle(Transfer):
    """See the module."""

    def __init__(self, settings: config.Disentangle) -> None:
        super().__init__(settings, most=4 * settings.width)
        self.decoder = Decoder(settings.code, widths(settings)[-2::-1], 3, norm=settings.norm)
        self.difference = F.l1_loss if settings.reconstruction == "absolute" else F.mse_loss

    def render(self, common: Tensor, *contents: Tensor | None, base: Tensor | None = None) -> Rendered:
        """See `Transfer.render`."""
        del base
        return Rendered(self.decoder(self.code(common, *contents)).tanh())

    def terms(self, seen: Seen) -> Terms:
        """See `Transfer.terms`."""
        both = torch.cat([self.code(seen.common_x, seen.contents[0]), self.code(seen.common_y)])
        with_content, without = self.decoder(both).tanh().chunk(2)
        return {
            "content": (1.0, self.difference(with_content, seen.x)),
            "plain": (1.0, self.difference(without, seen.y)),
        }
