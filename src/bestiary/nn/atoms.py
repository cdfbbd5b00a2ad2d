"""All atoms from frames and torsion angles, and back (Jumper et al. 2021, supplement 1.8.4, algorithms 24 and 25).

A residue has eight rigid groups: backbone, omega, phi, psi, chi 1 to 4. Its atoms stand in 14 slots, in its own order;
those of all residues together are 37 kinds.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.nn.frames import Frames, around_x
from bestiary.residues import Residue, chemistry

SLOTS, KINDS, GROUPS, ANGLES = 14, 37, 8, 7
"""Angles are omega, phi, psi and chi 1 to 4."""


class Tables(NamedTuple):
    """What is known of the 21 residues, the last of which is unknown and has no atoms."""

    frames: Tensor
    """``[21, 8, 4, 4]``: each group's frame in the group that it turns on, all angles zero."""
    group: Tensor
    """``[21, 14]``: the group that a slot's atom moves with."""
    place: Tensor
    """``[21, 14, 3]``: where it stands there."""
    exists: Tensor
    """``[21, 14]``: ones where a slot holds an atom."""
    kind: Tensor
    """``[21, 14]``: which of the 37 kinds it is."""
    slot: Tensor
    """``[21, 37]``: which slot holds an atom of a kind."""
    has: Tensor
    """``[21, 37]``: ones where the residue has an atom of the kind."""
    chi: Tensor
    """``[21, 4, 4]``: the kinds of the atoms of each chi angle."""
    chi_exists: Tensor
    """``[21, 4]``."""
    turned: Tensor
    """``[21, 4]``: ones where half a turn changes nothing."""


@cache
def tables(dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tables:
    """Return the tables of all residues."""
    residues, kinds = chemistry().residues, chemistry().atoms
    made = Tables(
        torch.eye(4, dtype=torch.float64).repeat(21, GROUPS, 1, 1),
        torch.zeros(21, SLOTS, dtype=torch.long),
        torch.zeros(21, SLOTS, 3, dtype=torch.float64),
        torch.zeros(21, SLOTS, dtype=torch.float64),
        torch.zeros(21, SLOTS, dtype=torch.long),
        torch.zeros(21, KINDS, dtype=torch.long),
        torch.zeros(21, KINDS, dtype=torch.float64),
        torch.zeros(21, 4, 4, dtype=torch.long),
        torch.zeros(21, 4, dtype=torch.float64),
        torch.zeros(21, 4, dtype=torch.float64),
    )
    for number, residue in enumerate(residues):
        for slot, (atom, (group, place)) in enumerate(residue.atoms.items()):
            kind = kinds.index(atom)
            made.group[number, slot], made.exists[number, slot], made.kind[number, slot] = group, 1.0, kind
            made.place[number, slot] = torch.tensor(place, dtype=torch.float64)
            made.slot[number, kind], made.has[number, kind] = slot, 1.0
        for angle, atoms in enumerate(residue.chi):
            made.chi[number, angle] = torch.tensor([kinds.index(atom) for atom in atoms])
            made.chi_exists[number, angle] = 1.0
        made.turned[number, [angle - 1 for angle in residue.turned]] = 1.0
        made.frames[number] = _group_frames(residue)
    return Tables(*(table.to(device=device, dtype=dtype if table.is_floating_point() else None) for table in made))


def _group_frames(residue: Residue) -> Tensor:
    """Return each group's frame in the one that it turns on: its axis ends at its origin."""
    at = {atom: torch.tensor(place, dtype=torch.float64) for atom, (_, place) in residue.atoms.items()}
    x, frames = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64), torch.eye(4, dtype=torch.float64).repeat(8, 1, 1)
    axes = {2: (at["N"] - at["CA"], x, at["N"]), 3: (at["C"] - at["CA"], at["CA"] - at["N"], at["C"])}
    for group, (first, second, origin) in residue.group_origins.items():
        if group == 4:  # its axis goes between two atoms of the backbone's group
            axes[group] = (at[origin] - at[second], at[first] - at[second], at[origin])
        else:  # later axes begin where the earlier group has its origin
            axes[group] = (at[origin], -x, at[origin])
    for group, (axis, up, origin) in axes.items():
        frames[group] = Frames.through(origin + up, origin, origin + axis).matrices()
    return frames


def groups_of(backbone: Frames, angles: Tensor, aatype: Tensor) -> Frames:
    """Return the frames of the eight groups, ``[..., N, 8]``, of backbones in angstroms and ``[..., N, 7, 2]``.

    Angles are sines and cosines, and residues numbers, ``[..., N]``.
    """
    known = tables(angles.dtype, angles.device).frames[aatype]
    default = Frames(known[..., :3, :3], known[..., :3, 3])
    still = angles.new_tensor([0.0, 1.0]).expand(*angles.shape[:-2], 1, 2)
    turned = default.compose(Frames(around_x(torch.cat((still, angles), dim=-2)), torch.zeros_like(default.origin)))
    chain = [turned[..., 4]]
    for group in (5, 6, 7):  # each side-chain group turns on the one before it
        chain.append(chain[-1].compose(turned[..., group]))
    rotation = torch.cat((turned.rotation[..., :4, :, :], torch.stack([f.rotation for f in chain], dim=-3)), dim=-3)
    origin = torch.cat((turned.origin[..., :4, :], torch.stack([frame.origin for frame in chain], dim=-2)), dim=-2)
    return backbone[..., None].compose(Frames(rotation, origin))


def atoms_of(groups: Frames, aatype: Tensor) -> Tensor:
    """Return the atoms in their slots, ``[..., N, 14, 3]``, zeros where there is none."""
    known = tables(groups.origin.dtype, groups.origin.device)
    index = known.group[aatype]
    rotation = groups.rotation.gather(-3, index[..., None, None].expand(*index.shape, 3, 3))
    origin = groups.origin.gather(-2, index[..., None].expand(*index.shape, 3))
    return Frames(rotation, origin).apply(known.place[aatype]) * known.exists[aatype][..., None]


def by_kind(atoms: Tensor, aatype: Tensor) -> Tensor:
    """Return atoms ``[..., N, 14, 3]`` by their kinds, ``[..., N, 37, 3]``, zeros where there is none."""
    known = tables(atoms.dtype, atoms.device)
    index = known.slot[aatype][..., None].expand(*aatype.shape, KINDS, 3)
    return atoms.gather(-2, index) * known.has[aatype][..., None]


def by_slot(atoms: Tensor, aatype: Tensor) -> Tensor:
    """Return atoms ``[..., N, 37, 3]`` in the slots of their residues, ``[..., N, 14, 3]``."""
    known = tables(atoms.dtype, atoms.device)
    index = known.kind[aatype][..., None].expand(*aatype.shape, SLOTS, 3)
    return atoms.gather(-2, index) * known.exists[aatype][..., None]


def ends_of(atoms: Tensor, aatype: Tensor) -> Tensor:
    """Return each residue's CB, and glycine's CA, of ``[..., N, 37, 3]`` or of masks ``[..., N, 37]``."""
    alpha, beta = chemistry().atoms.index("CA"), chemistry().atoms.index("CB")
    glycine = aatype == chemistry().letters.index("G")
    if atoms.dim() == aatype.dim() + 1:
        return torch.where(glycine, atoms[..., alpha], atoms[..., beta])
    return torch.where(glycine[..., None], atoms[..., alpha, :], atoms[..., beta, :])


class Torsions(NamedTuple):
    """Angles measured on a structure: sines and cosines, those half a turn away where the residue allows, a mask."""

    angles: Tensor
    """``[..., N, 7, 2]``."""
    other: Tensor
    """``[..., N, 7, 2]``."""
    mask: Tensor
    """``[..., N, 7]``."""


def torsions_of(atoms: Tensor, mask: Tensor, aatype: Tensor) -> Torsions:
    """Measure torsion angles on atoms ``[..., N, 37, 3]``, of which ``[..., N, 37]`` are known.

    Residues follow each other: the one before says where omega and phi begin.
    """
    aatype = aatype.clamp(max=20)
    known = tables(atoms.dtype, atoms.device)
    n, ca, c, o = (chemistry().atoms.index(name) for name in ("N", "CA", "C", "O"))
    before, seen = F.pad(atoms, (0, 0, 0, 0, 1, 0))[..., :-1, :, :], F.pad(mask, (0, 0, 1, 0))[..., :-1, :]
    backbone = torch.stack((
        torch.stack((before[..., ca, :], before[..., c, :], atoms[..., n, :], atoms[..., ca, :]), dim=-2),
        torch.stack((before[..., c, :], atoms[..., n, :], atoms[..., ca, :], atoms[..., c, :]), dim=-2),
        torch.stack((atoms[..., n, :], atoms[..., ca, :], atoms[..., c, :], atoms[..., o, :]), dim=-2),
    ), dim=-3)  # fmt: skip
    backbone_mask = torch.stack((
        seen[..., ca] * seen[..., c] * mask[..., n] * mask[..., ca],
        seen[..., c] * mask[..., n] * mask[..., ca] * mask[..., c],
        mask[..., n] * mask[..., ca] * mask[..., c] * mask[..., o],
    ), dim=-1)  # fmt: skip
    index = known.chi[aatype]  # [..., N, 4, 4]
    chosen = atoms.gather(-2, index.flatten(-2)[..., None].expand(*index.shape[:-2], 16, 3)).unflatten(-2, (4, 4))
    chosen_mask = mask.gather(-1, index.flatten(-2)).unflatten(-1, (4, 4)).prod(-1) * known.chi_exists[aatype]
    four = torch.cat((backbone, chosen), dim=-3)  # [..., N, 7, 4, 3]
    # The third atom is the origin and the axis comes from the second; the first is what the angle is counted from.
    seat = Frames.through(four[..., 0, :], four[..., 2, :], 2 * four[..., 2, :] - four[..., 1, :], 1e-8)
    end = seat.invert(four[..., 3, :])
    angles = torch.stack((end[..., 2], end[..., 1]), dim=-1)
    angles = angles / (angles.square().sum(-1, keepdim=True) + 1e-8).sqrt()
    sign = angles.new_ones(ANGLES)
    sign[2] = -1.0  # psi is counted to the next residue's N, opposite to O
    angles = angles * sign[:, None]
    other = angles * (1 - 2 * F.pad(known.turned[aatype], (3, 0)))[..., None]
    return Torsions(angles, other, torch.cat((backbone_mask, chosen_mask), dim=-1))
