"""What settings of every task are checked for; stands beside the floors and imports the standard library alone."""

import math
import os


def at_least(settings: object, least: float, *names: str) -> None:
    """See that some settings are finite and not below a number; "auto" passes.

    Raises:
        ValueError: one sentence naming the setting as a flag.
    """
    for name in names:
        value = getattr(settings, name)
        if value != "auto" and not least <= value < math.inf:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")


def absolute(features: str) -> str:
    """ARCH:FILE with an absolute FILE, so that a run can be resumed from any folder; other texts as they are."""
    arch, _, file = features.partition(":")
    return f"{arch}:{os.path.abspath(os.path.expanduser(file))}" if file else features
