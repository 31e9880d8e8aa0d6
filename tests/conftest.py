"""Threads are set here, before torch is imported: idle ones sleep, and workers side by side share the cores."""

import os

from gestalt.run import threads

threads.passive_waiting()
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads.available_cores() // int(workers))))
