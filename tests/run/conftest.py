"""Only a power cut loses what was written without fsync, a kill does not: these tests go without it."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_fsync():
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", lambda _file: None)
    yield
    patch.undo()
