"""The exact solver of the speed curve: seconds over the number of frames, and how exact the duration is.

uv run python benchmarks/speed.py
"""

import time

import numpy as np

from gestalt.tasks.speed.solver import problem, solve


def main() -> None:
    """An hour of 30 frames a second is 108,000 frames."""
    chance = np.random.default_rng(0)
    print("| frames | processor s | error of the duration, frames | frames at a bound |\n|---|---|---|---|")
    for count in (27_000, 54_000, 108_000, 216_000):
        wanted = 1 / (1 + 4 * (0.5 + 0.5 * np.sin(np.arange(count) / 300)) * chance.uniform(0.7, 1, count))
        asked = problem(wanted, chance.uniform(0.05, 1, count) / wanted**2, 1600.0, 1 / 8, 1.0)
        began = time.process_time()
        found = solve(asked, count / 2)
        took, error = time.process_time() - began, abs(float(found.sum()) - count / 2)
        at_bound = float(((found <= 1 / 8 + 1e-12) | (found >= 1 - 1e-12)).mean())
        print(f"| {count} | {took:.2f} | {error:.1e} | {at_bound:.1%} |")


if __name__ == "__main__":
    main()
