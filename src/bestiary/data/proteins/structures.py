"""Structures written out: as a PDB file, and as a drawing of the backbone in the color of its confidence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import torch
from torch import Tensor

from bestiary.residues import UNKNOWN, chemistry

BANDS = ((90.0, "#0053d6", "over 90"), (70.0, "#65cbf3", "70 to 90"), (50.0, "#ffdb13", "50 to 70"),
         (-1.0, "#ff7d45", "under 50"))  # fmt: skip
"""Confidence from which a color is used, the color, and its words: those of the AlphaFold database."""
WIDTH, HEIGHT, MARGIN, FOOT = 640, 520, 40, 64


def pdb(aatype: Sequence[int], positions: Tensor, mask: Tensor, confidence: Tensor, title: str = "") -> str:
    """Return a structure as a PDB file, of ``[N, 37, 3]`` atoms in angstroms, which ``[N, 37]`` are there, ``[N]``.

    The confidence of each residue stands where a crystal's temperature factor would.
    """
    kinds, lines, serial = chemistry().atoms, [f"TITLE     {title[:70]}"] if title else [], 0
    for number, residue in enumerate(aatype):
        name = "UNK" if residue >= UNKNOWN else chemistry().residues[residue].name
        for kind, atom in enumerate(kinds):
            if mask[number, kind]:
                serial += 1
                x, y, z = positions[number, kind].tolist()
                lines.append(
                    f"ATOM  {serial % 100000:5d} {atom if len(atom) == 4 else f' {atom:<3s}'} {name} A"
                    f"{(number + 1) % 10000:4d}    {x:8.3f}{y:8.3f}{z:8.3f}{1.0:6.2f}{float(confidence[number]):6.2f}"
                    f"          {atom[0]:>2s}"
                )
    return "\n".join([*lines, "TER", "END", ""])


def color_of(confidence: float) -> str:
    """Return the color of a confidence between 0 and 100."""
    return next(color for least, color, _ in BANDS if confidence > least)


def drawing(trace: Tensor, confidence: Tensor, title: str) -> str:
    """Return an SVG of a backbone, ``[N, 3]`` places of CA seen along the axis in which they spread least.

    What is nearer is drawn later and thicker; colors tell the confidence ``[N]``, and the first residue has a ring.
    """
    flat = _turned(trace.double())
    place = _fitted(flat[:, :2])
    depth = flat[:, 2] - flat[:, 2].min()
    near = (depth / depth.max().clamp(min=1e-9)).tolist()
    points, sure = place.tolist(), confidence.tolist()
    segments = [
        (near[i] + near[i + 1], points[i], points[i + 1], (sure[i] + sure[i + 1]) / 2) for i in range(len(points) - 1)
    ]
    lines = [
        f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{color_of(value)}"'
        f' stroke-width="{3 + 2 * height:.1f}"/>'
        for height, a, b, value in sorted(segments)
    ]
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + 1.5 * height:.1f}" fill="{color_of(value)}"/>'
        for height, (x, y), value in sorted(zip(near, points, sure, strict=True))
    ]
    x, y = points[0]
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="#333" stroke-width="1.5"/>'
    mean = sum(sure) / len(sure)
    words = f"{escape(title)}: {len(points)} residues, mean confidence {mean:.0f}"
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' role="img" aria-label="{words}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="24" fill="#222">{words}</text>',
        '<g stroke-linecap="round">', *lines, "</g>", *dots, ring, *_legend(), "</svg>", "",
    ))  # fmt: skip


def _turned(trace: Tensor) -> Tensor:
    """Return places in the axes of their spread, the widest first; a mirrored view would be another molecule."""
    centered = trace - trace.mean(0)
    axes = torch.linalg.svd(centered, full_matrices=True).Vh
    axes = axes * torch.tensor([1.0, 1.0, float(torch.det(axes).sign())], dtype=axes.dtype)[:, None]
    return centered @ axes.T


def _fitted(flat: Tensor) -> Tensor:
    """Return places on the page."""
    low, high = flat.min(0).values, flat.max(0).values
    room = torch.tensor([WIDTH - 2.0 * MARGIN, HEIGHT - FOOT - 2.0 * MARGIN], dtype=flat.dtype)
    scale = (room / (high - low).clamp(min=1e-9)).min()
    middle = torch.tensor([WIDTH / 2, MARGIN + room[1] / 2], dtype=flat.dtype)
    return middle + (flat - (low + high) / 2) * scale * torch.tensor([1.0, -1.0], dtype=flat.dtype)


def _legend() -> list[str]:
    shown = ['<text x="40" y="500" fill="#222">confidence (pLDDT)</text>']
    for number, (_, color, words) in enumerate(BANDS):
        x = 190 + 110 * number
        shown.append(f'<rect x="{x}" y="489" width="14" height="14" fill="{color}"/>')
        shown.append(f'<text x="{x + 20}" y="500" fill="#222">{words}</text>')
    return shown
