"""What no molecule does: bonds between residues that are too long, and atoms in each other (supplement 1.9.11).

Atoms stand in the slots of their residues, ``[..., N, 14, 3]`` in angstroms: N, CA, C first in each. Lengths and angles
within a residue are ideal by construction, except where rings close; they are not measured here.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from bestiary.residues import chemistry

SLOTS = 14
N, CA, C = 0, 1, 2


def peptide_violations(
    positions: Tensor, mask: Tensor, aatype: Tensor, index: Tensor, tolerance: float = 12.0
) -> Tensor:
    """Return how far bonds between residues are from what they are, ``[...]`` (equations 44 and 45).

    A bond's length and its two angles may be ``tolerance`` deviations off. ``index`` ``[..., N]`` numbers the residues:
    where one is left out there is no bond.
    """
    known = chemistry().peptide
    own, after = positions[..., :-1, :, :], positions[..., 1:, :, :]
    here, there = mask[..., :-1, :], mask[..., 1:, :]
    follows = (index[..., 1:] - index[..., :-1] == 1).to(positions.dtype)
    proline = (aatype[..., 1:] == chemistry().letters.index("P")).long()
    means, deviations = (torch.tensor(row, dtype=positions.dtype, device=positions.device) for row in known.length)
    bond = after[..., N, :] - own[..., C, :]
    length = (1e-6 + bond.square().sum(-1)).sqrt()
    bonded = follows * here[..., C] * there[..., N]
    before, behind = _unit(own[..., CA, :] - own[..., C, :]), _unit(after[..., CA, :] - after[..., N, :])
    along = bond / length[..., None]
    angles = (
        # The first angle is allowed as much as the length deviates: so the models were trained.
        ((before * along).sum(-1), (known.cos_ca_c_n[0], known.length[1][0]), bonded * here[..., CA]),
        ((behind * -along).sum(-1), known.cos_c_n_ca, bonded * there[..., CA]),
    )
    total = _over(length - means[proline], tolerance * deviations[proline], bonded)
    for cosine, (mean, deviation), there_is in angles:
        total = total + _over(cosine - mean, torch.full_like(cosine, tolerance * deviation), there_is)
    return total


def clashes(positions: Tensor, mask: Tensor, aatype: Tensor, index: Tensor, tolerance: float = 1.5) -> Tensor:
    """Return by how much each atom overlaps with those of other residues, in the mean, ``[...]`` (equation 46).

    Two atoms may be nearer than their radii say by ``tolerance`` angstroms; bonded ones do not count.
    """
    radii = _radii().to(positions)[aatype] * mask  # [..., N, 14]
    flat, size, there = positions.flatten(-3, -2), radii.flatten(-2), mask.flatten(-2)
    apart = (1e-10 + (flat[..., :, None, :] - flat[..., None, :, :]).square().sum(-1)).sqrt()
    overlap = (size[..., :, None] + size[..., None, :] - tolerance - apart).clamp(min=0)
    return 2 * (overlap * _may_clash(mask, index)).sum((-1, -2)) / (1e-6 + there.sum(-1))


def _may_clash(mask: Tensor, index: Tensor) -> Tensor:
    """Return which pairs of atoms count, ``[..., N * 14, N * 14]``, each pair once.

    Two cysteines may be bonded: pairs in the slot of their sulfur never count, in whatever residues, as in training.
    """
    there = mask.flatten(-2)
    number = index.repeat_interleave(SLOTS, -1)
    slot = torch.arange(SLOTS, device=mask.device).repeat(index.shape[-1])
    sulfur = slot == _sulfur()
    bond = (slot[:, None] == C) & (slot[None, :] == N) & (number[..., None, :] - number[..., :, None] == 1)
    counts = (number[..., :, None] < number[..., None, :]) & ~bond & ~(sulfur[:, None] & sulfur[None, :])
    return counts.to(mask.dtype) * there[..., :, None] * there[..., None, :]


@cache
def _radii() -> Tensor:
    """Return the radius of the atom in each slot, ``[21, 14]``, zero where there is none."""
    found = torch.zeros(21, SLOTS)
    for number, residue in enumerate(chemistry().residues):
        for slot, atom in enumerate(residue.atoms):
            found[number, slot] = chemistry().radii[atom[0]]
    return found


def _sulfur() -> int:
    """Return the slot of cysteine's sulfur."""
    return list(chemistry().residues[chemistry().letters.index("C")].atoms).index("SG")


def _unit(vector: Tensor) -> Tensor:
    return vector / (1e-6 + vector.square().sum(-1, keepdim=True)).sqrt()


def _over(off: Tensor, allowed: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of what is off by more than is allowed."""
    excess = ((1e-6 + off.square()).sqrt() - allowed).clamp(min=0)
    return (excess * mask).sum(-1) / (mask.sum(-1) + 1e-6)


def renamed(atoms: Tensor, aatype: Tensor) -> Tensor:
    """Return slots ``[..., N, 14, 3]``, or their masks, with the names exchanged that symmetry exchanges."""
    order = _exchanged()[aatype.cpu()].to(atoms.device)
    return atoms.gather(-1, order) if atoms.dim() == aatype.dim() + 1 else _take(atoms, order)


def named_as(predicted: Tensor, true: Tensor, mask: Tensor, aatype: Tensor) -> Tensor:
    """Return the true atoms under those names that fit the prediction better, residue by residue (algorithm 26).

    What tells is how far they are from the atoms that symmetry leaves alone, of all residues.
    """
    other = renamed(true, aatype)
    free = _exchanged()[aatype.cpu()].to(true.device) != torch.arange(SLOTS, device=true.device)
    known = mask * renamed(mask, aatype)
    pairs = (known * free)[..., :, :, None, None] * (mask * ~free)[..., None, None, :, :]
    found = _between(predicted, predicted)
    off = [((found - _between(named, true)).abs() * pairs).sum((-1, -2, -3)) for named in (true, other)]
    return torch.where((off[1] < off[0])[..., None, None], other, true)


def _between(one: Tensor, two: Tensor) -> Tensor:
    """Return distances ``[..., N, 14, N, 14]``."""
    return (1e-10 + (one[..., :, :, None, None, :] - two[..., None, None, :, :, :]).square().sum(-1)).sqrt()


def _take(atoms: Tensor, order: Tensor) -> Tensor:
    return atoms.gather(-2, order[..., None].expand(*order.shape, atoms.shape[-1]))


@cache
def _exchanged() -> Tensor:
    """Return for each slot which slot's name it may have as well, ``[21, 14]``."""
    found = torch.arange(SLOTS).repeat(21, 1)
    for number, residue in enumerate(chemistry().residues):
        slots = list(residue.atoms)
        for one, other in residue.swapped:
            found[number, slots.index(one)], found[number, slots.index(other)] = slots.index(other), slots.index(one)
    return found
