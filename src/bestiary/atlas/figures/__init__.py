"""Figures as SVG, the same bytes on every machine, each with the table of what it shows."""
