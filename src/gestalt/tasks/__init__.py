"""One user wish each; tasks never import one another."""
