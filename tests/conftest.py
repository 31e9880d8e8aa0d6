"""Threads are set here, before torch is imported: idle ones sleep, and workers side by side share the cores.

Python's files are compiled once for all processes that tests start, even where Python is told to keep none of that:
torch's alone are three thousand.

A suite that was started in the background, or with nohup, ignores signals that its tests send to themselves: they are
heard again.
"""

import os
import signal
from pathlib import Path

from gestalt.run import threads

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled"))

threads.passive_waiting()
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads.available_cores() // int(workers))))

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
