"""Networks that no single task owns."""
