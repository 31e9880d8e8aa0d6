"""How the program ends: the exit codes of every command."""

DONE, BUG, MISTAKE, STOPPED, SKIPPED, ANOMALIES = range(6)
"""Done; our own bug; the user's mistake; stopped or out of disk, but resumable; done, with some inputs left out;
anomalies found, where `--fail-on-anomaly` was given."""
