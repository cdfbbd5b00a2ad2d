"""A structure from an alignment, read again with what it found before (Jumper et al. 2021, algorithm 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bestiary import spec
from bestiary.errors import BestiaryError
from bestiary.nn.atoms import KINDS, by_kind, ends_of, tables
from bestiary.nn.base import Model
from bestiary.nn.confidence import HEADS, FoldOutput
from bestiary.nn.gated import Streams
from bestiary.nn.norms import norm
from bestiary.nn.refining import RefiningStack
from bestiary.nn.structure import Structure, StructureModule
from bestiary.nn.templates import Known, Templates, binned

MOST_ROWS = 16_384
"""Memory grows with the square of the rows; published models read 512."""


class Found(NamedTuple):
    """What a pass hands to the next one: the first row, the pairs, and each residue's end."""

    row: Tensor
    pairs: Tensor
    ends: Tensor


class AlignmentEmbedding(nn.Module):
    """Target and alignment to the two streams (algorithms 3 and 4)."""

    def __init__(self, node: spec.AlignmentEmbedding, dim: int, pair: int) -> None:
        super().__init__()
        self.reach = node.reach
        self.left, self.right = nn.Linear(node.target, pair), nn.Linear(node.target, pair)
        self.residue, self.alignment = nn.Linear(node.target, dim), nn.Linear(node.alignment, dim)
        self.distance = nn.Linear(2 * node.reach + 1, pair)

    def forward(self, target: Tensor, alignment: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return rows ``[B, S, N, dim]`` and pairs ``[B, N, N, pair]``."""
        apart = (index[:, :, None] - index[:, None]).clamp(-self.reach, self.reach) + self.reach
        near = F.one_hot(apart, 2 * self.reach + 1).to(target.dtype)
        pairs = self.left(target)[:, :, None] + self.right(target)[:, None] + self.distance(near)
        return self.alignment(alignment) + self.residue(target)[:, None], pairs


class Recycling(nn.Module):
    """What the pass before found, normed, and its distances (algorithm 32)."""

    def __init__(self, node: spec.Recycling, dim: int, pair: int) -> None:
        super().__init__()
        self.node = node
        self.row_norm, self.pair_norm = norm(spec.LayerNorm(), dim), norm(spec.LayerNorm(), pair)
        self.distance = nn.Linear(node.bins, pair)

    def forward(self, found: Found) -> tuple[Tensor, Tensor]:
        """Return what is added to the first row, ``[B, N, dim]``, and to the pairs."""
        near = binned(found.ends, self.node.bins, self.node.first, self.node.last)
        return self.row_norm(found.row), self.pair_norm(found.pairs) + self.distance(near)


class ExtraAlignment(nn.Module):
    """More rows, which only inform the pairs (algorithm 18)."""

    def __init__(self, node: spec.ExtraAlignment, pair: int) -> None:
        super().__init__()
        self.input = nn.Linear(node.features, node.width)
        self.stack = RefiningStack(node.stack, node.width, pair)

    def forward(self, features: Tensor, mask: Tensor, streams: Streams) -> Tensor:
        """Return the pairs, refined."""
        return self.stack(replace(streams, rows=self.input(features), row_mask=mask)).pairs


class FoldingModel(Model):
    """An alignment to a structure."""

    def __init__(self, node: spec.FoldingModel) -> None:
        super().__init__(node)
        self.embed = AlignmentEmbedding(node.embed, node.dim, node.pair)
        self.recycling = Recycling(node.recycling, node.dim, node.pair)
        self.templates = None if node.templates is None else Templates(node.templates, node.dim, node.pair)
        self.extra = ExtraAlignment(node.extra, node.pair)
        self.trunk = RefiningStack(node.trunk, node.dim, node.pair)
        self.single = nn.Linear(node.dim, node.single)
        self.structure = StructureModule(node.structure, node.single, node.pair)
        self.heads = nn.ModuleDict({name: HEADS[type(head)](head, node) for name, head in node.heads.items()})

    def forward(
        self,
        aatype: Tensor,
        msa_feat: Tensor,
        residue_index: Tensor | None = None,
        seq_mask: Tensor | None = None,
        msa_mask: Tensor | None = None,
        extra_msa_feat: Tensor | None = None,
        extra_msa_mask: Tensor | None = None,
        template_aatype: Tensor | None = None,
        template_all_atom_positions: Tensor | None = None,
        template_all_atom_mask: Tensor | None = None,
        template_mask: Tensor | None = None,
        between_segment_residues: Tensor | None = None,
        num_recycles: int | None = None,
    ) -> FoldOutput:
        """Fold proteins.

        ``aatype`` ``[B, N]`` numbers the residues of the target, 20 for unknown ones; ``msa_feat`` ``[B, S, N, 49]``
        and ``extra_msa_feat`` ``[B, E, N, 25]`` are the features of its alignment, which ``bestiary.data.alignments``
        makes. Masks, ``[B, N]``, ``[B, S, N]`` and ``[B, E, N]``, are ones for what is real. Templates are T known
        structures: ``[B, T, N]`` residues, ``[B, T, N, 37, 3]`` atoms in angstroms, a mask of those, one of templates.
        ``num_recycles`` is how often the model reads its own output, as often as the spec says unless given.
        """
        _check(aatype, msa_feat)
        like, batch, size = self.embed.residue.weight, *aatype.shape
        real = like.new_ones(batch, size) if seq_mask is None else seq_mask.to(like.dtype)
        index = torch.arange(size, device=aatype.device)[None] if residue_index is None else residue_index
        rows, target = _rows(msa_mask, msa_feat, real), _target(aatype, between_segment_residues, like)
        if extra_msa_feat is None:  # a row that nobody sees
            extra_msa_feat = like.new_zeros(batch, 1, size, self.spec.extra.features)
            extra_msa_mask = like.new_zeros(batch, 1, size)
        extra, extra_mask = extra_msa_feat.to(like.dtype), _rows(extra_msa_mask, extra_msa_feat, real)
        known = self.known(template_aatype, template_all_atom_positions, template_all_atom_mask, template_mask)
        times = self.spec.recycling.times if num_recycles is None else num_recycles
        found = Found(
            like.new_zeros(batch, size, self.spec.dim),
            like.new_zeros(batch, size, size, self.spec.pair),
            like.new_zeros(batch, size, 3),
        )
        pair_mask = real[:, :, None] * real[:, None]
        for left in range(times, -1, -1):
            with torch.set_grad_enabled(torch.is_grad_enabled() and left == 0):  # only the last pass is trained
                alignment, pairs = self.embed(target, msa_feat.to(like.dtype), index)
                streams = Streams(alignment, pairs, rows, pair_mask)
                refined = self.refine(streams, found, extra, extra_mask, known)
                single = self.single(refined.rows[:, 0])
                made = self.structure(single, refined.pairs, aatype, real)
                found = Found(refined.rows[:, 0], refined.pairs, ends_of(by_kind(made.positions[-1], aatype), aatype))
        return self.told(refined, single, made, aatype, real, msa_feat.shape[1])

    def refine(self, streams: Streams, found: Found, extra: Tensor, extra_mask: Tensor, known: Known | None) -> Streams:
        """Return the streams after one pass; rows of templates stand behind those of the alignment."""
        row, pairs = self.recycling(found)
        first = F.pad(row[:, None], (0, 0, 0, 0, 0, streams.rows.shape[1] - 1))
        streams = replace(streams, rows=streams.rows + first, pairs=streams.pairs + pairs)
        if known is not None and self.templates is not None:
            streams = streams.plus("pairs", self.templates(known, streams))
            more = self.templates.rows(known)
            if more is not None:
                streams = replace(
                    streams,
                    rows=torch.cat((streams.rows, more[0]), dim=1),
                    row_mask=torch.cat((streams.row_mask, more[1]), dim=1),
                )
        return self.trunk(replace(streams, pairs=self.extra(extra, extra_mask, streams)))

    def known(
        self, aatype: Tensor | None, positions: Tensor | None, atom_mask: Tensor | None, mask: Tensor | None
    ) -> Known | None:
        """Return the templates, ``None`` where there are none or the model reads none."""
        if aatype is None or self.templates is None:
            return None
        if positions is None or atom_mask is None or positions.shape != (*aatype.shape, KINDS, 3):
            raise BestiaryError(
                f"templates of shape {list(aatype.shape)} need template_all_atom_positions of"
                f" {[*aatype.shape, KINDS, 3]} and template_all_atom_mask of {[*aatype.shape, KINDS]}"
            )
        like = self.embed.residue.weight
        there = aatype.new_ones(aatype.shape[:2]) if mask is None else mask
        return Known(aatype, positions.to(like.dtype), atom_mask.to(like.dtype), there.to(like.dtype))

    def told(
        self, refined: Streams, single: Tensor, made: Structure, aatype: Tensor, real: Tensor, rows: int
    ) -> FoldOutput:
        """Return all that is known at the end, the heads' answers too."""
        output = FoldOutput(
            made.single[-1],
            positions=made.positions,
            final_atom_positions=by_kind(made.positions[-1], aatype),
            final_atom_mask=tables(real.dtype, real.device).has[aatype] * real[..., None],
            frames=made.frames.matrices(),
            sidechain_frames=made.groups.matrices(),
            angles=made.angles,
            unnormalized_angles=made.unnormalized_angles,
            s_s=single,
            s_z=refined.pairs,
            msa=refined.rows[:, :rows],
        )
        for head in self.heads.values():
            head(output, real)
        return output


def _check(aatype: Tensor, msa_feat: Tensor) -> None:
    """Refuse what cannot be folded."""
    if msa_feat.dim() != 4 or msa_feat.shape[2] != aatype.shape[-1]:
        raise BestiaryError(
            f"msa_feat has shape {list(msa_feat.shape)}, but aatype {list(aatype.shape)}: give features of the same"
            " residues, [batch, rows, residues, features]"
        )
    if msa_feat.shape[1] > MOST_ROWS:
        raise BestiaryError(
            f"msa_feat has {msa_feat.shape[1]:,} rows, more than the {MOST_ROWS:,} that are read; draw fewer and give"
            " the rest as extra_msa_feat"
        )
    if not torch.compiler.is_compiling() and not msa_feat.is_meta and not bool(msa_feat.isfinite().all()):
        raise BestiaryError("msa_feat holds values that are no finite numbers; make the features anew")


def _rows(mask: Tensor | None, features: Tensor, real: Tensor) -> Tensor:
    """Return which places of rows are real: what the mask says, or every real residue."""
    return real[:, None].expand(features.shape[:3]) if mask is None else mask.to(real.dtype)


def _target(aatype: Tensor, breaks: Tensor | None, like: Tensor) -> Tensor:
    """Return the features of the target, ``[B, N, 22]``: whether another chain begins, and the residue."""
    begins = like.new_zeros(aatype.shape) if breaks is None else breaks.clamp(0, 1).to(like.dtype)
    return torch.cat((begins[..., None], F.one_hot(aatype, 21).to(like.dtype)), dim=-1)
