"""Pure functions on tensors: resize, pyramids, patches, nearest patches, statistics. No state, no files."""
