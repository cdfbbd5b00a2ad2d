"""Losses of structures by hand, in loops, and by what must leave them alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from bestiary.nn.atoms import atoms_of, groups_of, tables
from bestiary.nn.frames import Frames, rotation_of
from bestiary.objectives.structures import (
    aligned_error,
    confidence_error,
    distogram_error,
    frame_aligned_error,
    lddt,
    masked_residues_error,
    resolved_error,
    torsion_error,
)
from bestiary.objectives.violations import clashes, named_as, peptide_violations, renamed
from bestiary.residues import chemistry

N = 6
CLOSE = {"atol": 1e-10, "rtol": 0.0}
Side = tuple[Tensor, Tensor, Tensor]


def side(seed: int) -> Side:
    """Frames and points of one protein."""
    torch.manual_seed(seed)
    turns = rotation_of(F.normalize(torch.randn(1, N, 4, dtype=torch.float64), dim=-1))
    return turns, 6 * torch.randn(1, N, 3, dtype=torch.float64), 6 * torch.randn(1, 9, 3, dtype=torch.float64)


def moved(one: Side) -> Side:
    """The same protein, turned and moved as a whole."""
    torch.manual_seed(9)
    everywhere = rotation_of(F.normalize(torch.randn(4, dtype=torch.float64), dim=-1))
    away = 50 * torch.randn(3, dtype=torch.float64)
    rotation, origin, points = one
    return everywhere @ rotation, origin @ everywhere.T + away, points @ everywhere.T + away


def masks() -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    return (torch.rand(1, N) > 0.3).double(), (torch.rand(1, 9) > 0.3).double()


def test_frame_aligned_error_by_hand() -> None:
    one, two, (frames, points) = side(0), side(1), masks()
    total, count = 0.0, 0.0
    for f in range(N):
        for p in range(9):
            if frames[0, f] and points[0, p]:
                seen = [s[0][0, f].T @ (s[2][0, p] - s[1][0, f]) for s in (one, two)]
                total += min(10.0, math.sqrt(float((seen[0] - seen[1]).square().sum()) + 1e-4))
                count += 1
    expected = torch.tensor([total / 10 / (count + 1e-4)], dtype=torch.float64)
    torch.testing.assert_close(frame_aligned_error(one, two, frames, points), expected, **CLOSE)
    free = frame_aligned_error(one, two, frames, points, clamp=None)
    assert free > frame_aligned_error(one, two, frames, points)
    assert frame_aligned_error(one, one, frames, points) < 0.0011  # the root of what keeps its gradient finite


def test_what_is_turned_and_moved_as_a_whole_is_as_good() -> None:
    one, two, (frames, points) = side(0), side(1), masks()
    expected = frame_aligned_error(one, two, frames, points)
    torch.testing.assert_close(frame_aligned_error(moved(one), two, frames, points), expected, **CLOSE)
    torch.testing.assert_close(frame_aligned_error(moved(one), moved(two), frames, points), expected, **CLOSE)
    mirrored = tuple(part * torch.tensor([1.0, 1.0, -1.0]).double() for part in (one[1], one[2]))
    other = frame_aligned_error((one[0], *mirrored), two, frames, points)
    assert (other - expected).abs() > 1e-3  # a mirror image is another molecule
    logits = torch.randn(1, N, N, 64, dtype=torch.float64)
    torch.testing.assert_close(
        aligned_error(logits, moved(one)[:2], two[:2], frames), aligned_error(logits, one[:2], two[:2], frames), **CLOSE
    )


def test_torsions_may_be_half_a_turn_away_where_nothing_tells() -> None:
    torch.manual_seed(0)
    true = F.normalize(torch.randn(1, N, 7, 2, dtype=torch.float64), dim=-1)
    mask = torch.ones(1, N, 7, dtype=torch.float64)
    assert torsion_error(-true, -true, true, -true, mask) < 1e-8
    torch.testing.assert_close(torsion_error(-true, -true, true, true, mask), torch.tensor([4.0]).double())
    long = torsion_error(true, 3 * true, true, true, mask)
    torch.testing.assert_close(long, torch.tensor([0.02 * 2]).double(), atol=1e-7, rtol=0)
    some = mask.clone()
    some[..., 3:] = 0
    off = torch.where(some[..., None] > 0, true, -true)
    assert torsion_error(off, off, true, true, some) < 1e-8


def test_bins_by_hand() -> None:
    ends = torch.zeros(1, 3, 3, dtype=torch.float64)
    ends[0, :, 0] = torch.tensor([0.0, 3.0, 60.0])
    logits = torch.randn(1, 3, 3, 64, dtype=torch.float64)
    bins = [[0, 3, 63], [3, 0, 63], [63, 63, 0]]  # 2.3125 and 0.3125 more for each bin
    mask = torch.tensor([[1.0, 1.0, 0.0]]).double()
    likely = logits.log_softmax(-1)[0]
    expected = -sum(likely[i, j, bins[i][j]] for i in range(2) for j in range(2)) / 4
    torch.testing.assert_close(distogram_error(logits, ends, mask)[0], expected, atol=1e-7, rtol=0)
    still = (torch.eye(3).double().expand(1, 3, 3, 3), ends)
    shifted = (still[0], ends + torch.tensor([[0.0], [0.0], [1.0]]).double())
    # Seen from the others the third is off by the root of three, which is in the fourth bin of half an angstrom.
    errors = [[0, 0, 4], [0, 0, 4], [4, 4, 0]]
    expected = -sum(likely[i, j, errors[i][j]] for i in range(3) for j in range(3)) / 9
    found = aligned_error(logits, shifted, still, torch.ones(1, 3).double())
    torch.testing.assert_close(found[0], expected, atol=1e-7, rtol=0)


def test_masked_and_resolved_by_hand() -> None:
    torch.manual_seed(0)
    logits, true = torch.randn(1, 2, N, 23, dtype=torch.float64), torch.randint(0, 22, (1, 2, N))
    masked = torch.zeros(1, 2, N, dtype=torch.float64)
    masked[0, 1, [2, 4]] = 1
    expected = F.cross_entropy(logits[0, 1, [2, 4]], true[0, 1, [2, 4]])
    torch.testing.assert_close(masked_residues_error(logits, true, masked)[0], expected, atol=1e-7, rtol=0)
    assert masked_residues_error(logits, true, torch.zeros_like(masked)) == 0
    scores, there = torch.randn(1, N, 37, dtype=torch.float64), (torch.rand(1, N, 37) > 0.5).double()
    expected = F.binary_cross_entropy_with_logits(scores, there)
    torch.testing.assert_close(resolved_error(scores, there, torch.ones_like(there))[0], expected, atol=1e-7, rtol=0)


def test_lddt_by_hand() -> None:
    true = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [6, 0, 0], [40, 0, 0]]]).double()
    found = true.clone()
    found[0, 1, 0] = 3.7  # off by 0.7 to both neighbors: wrong by the first bound, right by three
    found[0, 3, 0] = 90.0  # which nobody is near to
    score = lddt(found, true, torch.ones(1, 4).double())
    torch.testing.assert_close(score[0, :3], torch.tensor([(0.75 + 1) / 2, 0.75, (0.75 + 1) / 2]).double())
    assert score[0, 3] == 1
    logits = torch.randn(1, 4, 50, dtype=torch.float64)
    bins = [43, 37, 43, 49]
    expected = -sum(logits.log_softmax(-1)[0, i, bins[i]] for i in range(4)) / 4
    torch.testing.assert_close(
        confidence_error(logits, found, true, torch.ones(1, 4).double())[0], expected, atol=1e-7, rtol=0
    )


# --- Molecules -----------------------------------------------------------------------------------------------------


def chain(letters: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A stretched chain whose bonds are what they should be: atoms, masks, residues and their numbers."""
    aatype = torch.tensor([[chemistry().letters.index(letter) for letter in letters]])
    size = len(letters)
    known, cosine = chemistry().peptide, -0.3624  # of the angle N, CA, C in ideal residues
    points = [torch.zeros(3).double(), torch.tensor([1.46, 0.0, 0.0]).double()]
    lengths, angles = (1.526, 1.329, 1.459), (cosine, known.cos_ca_c_n[0], known.cos_c_n_ca[0])
    for step in range(3 * size - 2):
        back = F.normalize(points[-2] - points[-1], dim=0)
        normal = torch.tensor([0.0, 0.0, 1.0 if step % 2 else -1.0]).double()
        across = torch.linalg.cross(normal, back)
        angle = angles[step % 3]
        points.append(points[-1] + lengths[step % 3] * (angle * back + math.sqrt(1 - angle**2) * across))
    backbone = torch.stack(points).view(1, size, 3, 3)
    frames = Frames.through(backbone[..., 0, :], backbone[..., 1, :], backbone[..., 2, :])
    turns = torch.tensor([0.0, -1.0]).double().expand(1, size, 7, 2)
    atoms = atoms_of(groups_of(frames, turns, aatype), aatype)
    return atoms, tables(torch.float64).exists[aatype], aatype, torch.arange(size)[None]


def test_a_sound_chain_violates_nothing_and_a_torn_one_does() -> None:
    atoms, mask, aatype, index = chain("AGAVAG")
    assert peptide_violations(atoms, mask, aatype, index) < 1e-6
    assert clashes(atoms, mask, aatype, index) < 0.02
    torn = atoms.clone()
    torn[0, 3:] += torch.tensor([0.0, 0.0, 3.0]).double()
    length = math.sqrt(1.329**2 + 9)  # the pull is across the bond
    found = peptide_violations(torn, mask, aatype, index)
    assert found > (length - 1.329 - 12 * 0.014) / 5 * 0.99
    apart = index + (torch.arange(6) > 2)
    assert peptide_violations(torn, mask, aatype, apart) < 1e-6  # no bond where a residue is left out


def test_atoms_in_each_other_are_counted() -> None:
    atoms, mask, aatype, index = chain("AAAA")
    folded = atoms.clone()
    folded[0, 3] = atoms[0, 0] + 0.1
    assert clashes(folded, mask, aatype, index) > clashes(atoms, mask, aatype, index) + 1
    two = torch.zeros(1, 2, 14, 3, dtype=torch.float64)
    two[0, 1, 1] = torch.tensor([1.0, 0, 0])
    only = torch.zeros(1, 2, 14, dtype=torch.float64)
    only[0, 0, 1] = only[0, 1, 1] = 1
    found = clashes(two, only, aatype[:, :2], index[:, :2])  # two carbons, one angstrom apart
    torch.testing.assert_close(found, torch.tensor([1.7 + 1.7 - 1.5 - 1.0]).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("letter", ["D", "E", "F", "Y"])
def test_atoms_are_named_as_they_were_predicted(letter: str) -> None:
    atoms, mask, aatype, _ = chain(f"A{letter}AG")
    swapped = renamed(atoms, aatype)
    assert not torch.equal(swapped, atoms)
    assert torch.equal(renamed(swapped, aatype), atoms)
    assert torch.equal(renamed(mask, aatype), mask)
    torch.manual_seed(0)
    near = atoms + 0.05 * torch.randn_like(atoms)
    assert torch.equal(named_as(near, swapped, mask, aatype), atoms)
    assert torch.equal(named_as(near, atoms, mask, aatype), atoms)
