"""Classifiers that look less at global statistics, and how well they stand a change of these."""
