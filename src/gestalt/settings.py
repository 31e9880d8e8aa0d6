"""What settings of every task are checked for; stands beside the floors and imports the standard library alone."""

import math
import os
import re


def as_groups(settings: object, **kinds: type) -> None:
    """Make groups of settings, which come from a file as dicts, what they were.

    Args:
        settings: a frozen dataclass.
        kinds: of its groups, by their names.
    """
    for name, kind in kinds.items():
        if isinstance(given := getattr(settings, name), dict):
            object.__setattr__(settings, name, kind(**given))


def at_least(settings: object, least: float, *names: str) -> None:
    """See that some settings are finite and not below a number; "auto" passes.

    Raises:
        ValueError: one sentence naming the setting as a flag.
    """
    for name in names:
        value = getattr(settings, name)
        if value != "auto" and not least <= value < math.inf:
            raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")


def inside(settings: object, *names: str) -> None:
    """See that some settings lie between 0 and 1, without either.

    Raises:
        ValueError: one sentence naming the setting as a flag.
    """
    for name in names:
        value = getattr(settings, name)
        if not 0 < value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must lie between 0 and 1, got {value}")


def below_one(settings: object, *names: str) -> None:
    """See that some settings are 0 or more and below 1.

    Raises:
        ValueError: one sentence naming the setting as a flag.
    """
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must lie between 0 and 1, without 1, got {value}")


def wanted_size(size: int | str) -> int | tuple[int, int]:
    """What `--size` asks for: a longest side, or (height, width).

    Raises:
        ValueError: it is neither.
    """
    if isinstance(size, int):
        if size < 1:
            raise ValueError(f"--size must be at least 1, got {size}")
        return size
    match = re.fullmatch(r"([1-9]\d{0,5})[xX]([1-9]\d{0,5})", size)
    if not match:
        raise ValueError(f"--size must be a longest side such as 256, or HEIGHTxWIDTH such as 144x256, got {size!r}")
    return int(match[1]), int(match[2])


def absolute(features: str) -> str:
    """ARCH:FILE with an absolute FILE, so that a run can be resumed from any folder; other texts as they are."""
    arch, _, file = features.partition(":")
    return f"{arch}:{os.path.abspath(os.path.expanduser(file))}" if file else features
