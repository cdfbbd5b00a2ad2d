"""Writing SVG: elements as strings, every text escaped, every number in the same few digits on every machine.

Looks are presentation attributes, not styles: a page whose policy forbids inline styles shows them, and its own style
sheet can still override them by class, in the dark say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import TypeAlias

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK, PALE, PAPER = "#1b1b1b", "#8a8a8a", "#ffffff"

Link: TypeAlias = Callable[[str], str]
"""Where the page of an entry is, by its slug: relative to the page that shows the figure."""


def number(value: float) -> str:
    """Return a coordinate with two decimals at most, no trailing zeros and no negative zero."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, *children: str, **attributes: str | float | None) -> str:
    """Return an element around children that are SVG already.

    Underscores in names of attributes stand for hyphens, a last one is dropped (``class_``); ``None`` leaves one out.
    """
    written = [
        f' {name.rstrip("_").replace("_", "-")}="{escape(value) if isinstance(value, str) else number(value)}"'
        for name, value in attributes.items()
        if value is not None
    ]
    return f"<{tag}{''.join(written)}>{''.join(children)}</{tag}>" if children else f"<{tag}{''.join(written)}/>"


def words(x: float, y: float, text: str, size: float = 12, **attributes: str | float | None) -> str:
    """Return a line of text whose baseline begins at a point, or is around it with ``text_anchor``."""
    return element("text", escape(text, quote=False), x=x, y=y, font_size=size, **{"fill": INK, **attributes})


def linked(target: str | None, title: str, *children: str, **attributes: str | float | None) -> str:
    """Return children with a title, shown by pointing at them; as a link where there is somewhere to go."""
    named = (element("title", escape(title, quote=False)), *children)
    return element("a", *named, href=target, **attributes) if target else element("g", *named, **attributes)


def document(width: float, height: float, title: str, description: str, children: Iterable[str]) -> str:
    """Return a whole drawing on white, with what a screen reader says of it."""
    paper = element("rect", class_="paper", width=width, height=height, fill=PAPER)
    told = (element("title", escape(title, quote=False)), element("desc", escape(description, quote=False)))
    return element(
        "svg",
        *told,
        paper,
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        font_family=FONT,
    )
