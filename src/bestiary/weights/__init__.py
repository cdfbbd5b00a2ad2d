"""Checkpoints in and out: files, key dialects, config translation, loading, saving."""
