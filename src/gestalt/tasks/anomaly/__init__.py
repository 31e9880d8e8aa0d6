"""Defects found and located from a few good pictures, without examples of defects and without downloaded weights."""
