"""Whole experiments over several tasks; only here may tasks meet."""
