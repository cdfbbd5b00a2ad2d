"""Exports: the whole catalog, or a part of it, in formats that other programs read."""
