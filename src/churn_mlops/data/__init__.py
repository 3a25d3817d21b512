"""From a source to clean daily tables."""
