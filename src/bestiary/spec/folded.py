"""A spec for a notebook: its tree as HTML, each branch of which folds away."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from bestiary.spec.node import Node
from bestiary.spec.show import tree

_OPEN = 24
"""Lines below a branch that are shown at first; what is longer begins folded."""
_LOOK = "font-family:monospace;font-size:12px;line-height:1.5;text-align:left;overflow-wrap:anywhere"
_INSIDE = "margin-left:0.6em;padding-left:1em;border-left:1px solid rgba(128,128,128,0.35)"


class _Branch(NamedTuple):
    """A line of a tree, and the lines below that belong to it."""

    text: str
    below: list[_Branch]

    @property
    def lines(self) -> int:
        """How many lines are below."""
        return len(self.below) + sum(branch.lines for branch in self.below)


def tree_html(node: Node) -> str:
    """Return the tree of a node as HTML that folds; every text is escaped."""
    return f'<div style="{_LOOK}">{"".join(_html(branch, True) for branch in _branches(tree(node).splitlines()))}</div>'


def _branches(lines: list[str]) -> list[_Branch]:
    """Return lines as branches: what is indented deeper belongs to the line above it; closing brackets go."""
    roots: list[_Branch] = []
    trail: list[tuple[int, _Branch]] = []
    for line in lines:
        text = line.strip()
        depth = len(line) - len(line.lstrip())
        if text == "]":
            continue
        while trail and trail[-1][0] >= depth:
            trail.pop()
        branch = _Branch(text.removesuffix(" ["), [])
        (trail[-1][1].below if trail else roots).append(branch)
        trail.append((depth, branch))
    return roots


def _html(branch: _Branch, first: bool = False) -> str:
    name, _, rest = branch.text.partition(" ")
    bold = name.isidentifier() and name not in ("x", "then", "the")
    text = f"<b>{escape(name)}</b> {escape(rest.strip())}" if bold else escape(branch.text)
    if not branch.below:
        return f'<div style="padding-left:1.1em">{text}</div>'
    opened = " open" if first or branch.lines <= _OPEN else ""
    inside = "".join(_html(each) for each in branch.below)
    return f'<details{opened}><summary>{text}</summary><div style="{_INSIDE}">{inside}</div></details>'
