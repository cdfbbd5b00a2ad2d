"""How wide a text is when drawn, known without a font: so that labels keep clear of each other on every machine."""

from __future__ import annotations

_FIRST = 32
# Thousandths of the font's size for the letters from the space to the tilde: of DejaVu Sans and Liberation Sans, which
# is as wide as Helvetica and Arial, the wider one. So what has room by this table has it in any of these fonts.
_PLAIN = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863,
    748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838,
)  # fmt: skip
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 556, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 556, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838,
)  # fmt: skip
_OTHER = 1103
"""The widest of them all, for a letter that is not among them."""


def width(text: str, size: float = 12, bold: bool = False) -> float:
    """Return how wide a line of text is at most, in the unit of ``size``."""
    table = _BOLD if bold else _PLAIN
    places = (ord(letter) - _FIRST for letter in text)
    return sum(table[place] if 0 <= place < len(table) else _OTHER for place in places) * size / 1000


def shortened(text: str, room: float, size: float = 12, bold: bool = False) -> str:
    """Return a text cut off with two dots where it is wider than the room it has."""
    if width(text, size, bold) <= room:
        return text
    while text and width(text + "..", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + ".."
