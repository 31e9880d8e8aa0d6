"""gestalt."""
