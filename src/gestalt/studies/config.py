"""Settings of the studies; no torch."""

from dataclasses import dataclass

from gestalt.recipes import choose


@dataclass(frozen=True, kw_only=True)
class Demo:
    """Settings of the demo."""

    size: int = 192
    """Longest side of the drawn pictures, in pixels."""

    def __post_init__(self) -> None:
        """Check the range.

        Raises:
            ValueError: the pictures would be too small to show anything.
        """
        if not 32 <= self.size <= 2048:
            raise ValueError(f"--size must lie between 32 and 2048 in a demo, got {self.size}")


def demo(preset: str) -> Demo:
    """Settings of the demo.

    fast  the default: pictures of 192 px, all tasks within three minutes.
    tiny  for tests: 48 px.

    Raises:
        ValueError: no such preset.
    """
    return choose({"fast": Demo(), "tiny": Demo(size=48)}, preset)
