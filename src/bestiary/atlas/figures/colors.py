"""A color and a mark for each family: color is never alone, and prints in black and white by its lightness."""

from __future__ import annotations

from collections.abc import Iterable

# After Okabe and Ito's palette (2008), which people who confuse red and green can tell apart, and kin of it: each dark
# enough for thin lines on white and light enough for them on black, three to one in contrast on the site's papers.
_PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cb76a5", "#c18600", "#1d99df", "#7f6a00", "#804cb8", "#a6542a", "#3f7f5f",
    "#a1476b", "#4f6f8f", "#5f8f1f", "#b63263", "#226f82", "#895c36",
)  # fmt: skip
OTHERS = "#6b6b6b"
"""Of families with one member in a figure, which their labels tell apart."""


def family_colors(families: Iterable[str]) -> dict[str, str]:
    """Return a color for each family, those with most members first; families of one share a gray."""
    members: dict[str, int] = {}
    for family in families:
        members[family] = members.get(family, 0) + 1
    ranked = sorted(members, key=lambda family: (-members[family], family))
    colored = [family for family in ranked if members[family] > 1]
    return {
        family: _PALETTE[colored.index(family) % len(_PALETTE)] if family in colored else OTHERS for family in ranked
    }
