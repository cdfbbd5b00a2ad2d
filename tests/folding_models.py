"""Small models of structure prediction, and what they are called with: for the tests of sizes."""

from __future__ import annotations

from typing import Any

import torch

from bestiary.architectures import make
from bestiary.spec import FoldingModel, Model

SMALL: dict[str, Any] = {
    "dim": 12, "pair": 8, "single": 20, "depth": 2, "heads": 4, "head_dim": 5, "pair_heads": 2, "extra_dim": 6,
    "extra_depth": 1, "extra_head_dim": 3, "template_dim": 8, "template_depth": 1, "outer": 3, "point_heads": 3,
    "hidden": 10, "times": 3, "rows": 5, "extra_rows": 4,
}  # fmt: skip
BUILT: dict[str, Model] = {
    "alphafold": make("alphafold", **SMALL, aligned_error=True),
    "alphafold without templates": make("alphafold", **SMALL, templates=False),
}


def given(model: FoldingModel) -> dict[str, Any]:
    """Return nine residues with as many rows as the model reads, and four templates where it reads any."""
    residues, known = torch.arange(9)[None] % 7, model.templates is not None
    templates = residues[:, None].expand(1, 4, 9)
    return {
        "aatype": residues,
        "num_recycles": 0,
        "msa_feat": torch.zeros(1, model.rows - 4 * known, 9, 49),
        "extra_msa_feat": torch.zeros(1, model.extra.rows, 9, 25),
        **({"template_aatype": templates, "template_all_atom_positions": torch.zeros(1, 4, 9, 37, 3)} if known else {}),
        **({"template_all_atom_mask": torch.ones(1, 4, 9, 37)} if known else {}),
    }
