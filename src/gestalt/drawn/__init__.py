"""Seeded scenes with known ground truth, drawn in tensors: no files, no downloads, torch and math only."""
