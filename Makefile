.PHONY: check test proofs bench

check:  ## style, types, layers, quick tests: about seven minutes on two cores
	uv run ruff format --check .
	uv run ruff check .
	uv run pyright
	uv run lint-imports
	uv run pytest

test:  ## layers and quick tests; .ci/run adds style and types
	uv run lint-imports
	uv run pytest

proofs:  ## long and statistical proofs, resumable, tens of minutes
	uv run pytest -n 0 -m slow -rA

bench:  ## ratios of time and quality, side by side in one run
	uv run python benchmarks/analogy.py drawn
