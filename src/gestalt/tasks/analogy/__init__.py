"""From a pair of pictures A and B: the appearance of B in the arrangement of A, and the reverse."""
