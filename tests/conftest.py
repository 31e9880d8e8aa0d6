"""Idle threads sleep in the tests as they do in the program; this must happen before torch is imported."""

from gestalt.run import threads

threads.passive_waiting()
