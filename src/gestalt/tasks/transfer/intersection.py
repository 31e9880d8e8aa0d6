"""Domain intersection and domain difference: a common code, and one for what each side alone has (ICCV 2019).

With x of the first side, y of the second, E common, S and T their separate codes, G the decoder, d the critic,

    L = (G(E(x), S(x), 0) - x)^2 + (G(E(y), 0, T(y)) - y)^2 + zeta (|T(x)| + |S(y)|)
        + lambda (BCE(d(E(x)), 0) + BCE(d(E(y)), 0)).

Either side may have content of its own (glasses against moustaches), so a translation both adds and takes away:
G(E(y), S(x), 0) is y's face with x's glasses and without its moustache.

Departures, beside those of `codes`: every layer of an encoder is normalised, where the published code leaves out the
second of the common one; spectral norms are not held at 1 (`spectral`), zeta is .01 for 1 (`zero`), and pictures'
differences are squared, where they are absolute as published (`reconstruction`).

References:
    Benaim, Khaitov, Galanti, Wolf: Domain Intersection and Domain Difference. ICCV 2019.
"""

from typing import final

from gestalt.tasks.transfer import config
from gestalt.tasks.transfer.codes import Seen, Terms, Whole


@final
class Intersection(Whole):
    """See the module."""

    def __init__(self, settings: config.Intersection) -> None:
        super().__init__(settings, spectral=settings.spectral, most=settings.networks.code)
        self.zero = settings.zero

    def terms(self, seen: Seen) -> Terms:
        """See `Transfer.terms`."""
        s, t = seen.contents
        rebuilt_x, rebuilt_y = self.decode(self.code(seen.common_x, s), self.code(seen.common_y, None, t))
        of_y, of_x = seen.elsewhere
        return {
            "first": (1.0, self.difference(rebuilt_x, seen.x)),
            "second": (1.0, self.difference(rebuilt_y, seen.y)),
            "zero": (self.zero, of_x.abs().mean() + of_y.abs().mean()),
        }
