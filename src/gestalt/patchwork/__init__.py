"""The patch engine: pictures, clips and volumes put together from patches of a source, without training."""
