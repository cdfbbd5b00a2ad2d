"""Jobs on proteins: folding a sequence, or an alignment of it with its relatives, into a structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from bestiary.aside import aside
from bestiary.cli.jobs.job import Answers, Job, Settings
from bestiary.cli.output import print_table, remark
from bestiary.errors import BestiaryError
from bestiary.residues import chemistry

RESIDUES = 48
"""How long the protein is that an untrained twin makes up."""
FILES = {".pdb", ".svg"}
_MOST = 1024
"""Residues that run folds: memory grows with their square, time with their third power."""


def fold(model: Any, texts: list[str], settings: Settings) -> Answers:
    """Fold each sequence, or the alignment in each file; write the last one's structure."""
    from bestiary.data.proteins.features import features_of, model_inputs

    _check_out(settings.out)
    answers: Answers = []
    for text in texts or [_made_up(settings)]:
        alignment = _alignment(text)
        size = alignment.letters.shape[1]
        if size > _MOST:
            raise BestiaryError(
                f"{size:,} residues are more than the {_MOST:,} that run folds; give a part of the chain"
            )
        features = features_of(alignment, model.spec.rows, model.spec.extra.rows, masked=0.0, seed=settings.seed)
        with torch.inference_mode():
            output = model(**model_inputs(features))
        sure = output.plddt[0].tolist() if output.plddt is not None else []
        answers.append(
            {
                "sequence": alignment.target,
                "rows": len(alignment.names),
                "confidence": sum(sure) / len(sure) if sure else None,
                "ptm": None if output.ptm is None else float(output.ptm[0]),
                "plddt": sure,
                "file": str(settings.out) if settings.out else None,
            }
        )
        if settings.out is not None:
            _write(output, features["aatype"][0], settings)
    return answers


def _alignment(text: str) -> Any:
    from bestiary.data.proteins import parse_alignment, read_alignment

    if Path(text).suffix.lower() in (".a3m", ".fasta", ".fa", ".txt") or Path(text).is_file():
        return read_alignment(text)
    return parse_alignment(text, "the sequence")


def _made_up(settings: Settings) -> str:
    if not settings.twin:
        raise BestiaryError("this model folds proteins; write a sequence after its name, or an a3m file")
    generator = torch.Generator().manual_seed(settings.seed)
    drawn = torch.randint(0, 20, (RESIDUES,), generator=generator).tolist()
    return "".join(chemistry().letters[number] for number in drawn)


def _check_out(out: Path | None) -> None:
    if out is not None and out.suffix.lower() not in FILES:
        raise BestiaryError(f"--out is '{out}', but a structure is written as .pdb or drawn as .svg")


def _write(output: Any, aatype: torch.Tensor, settings: Settings) -> None:
    from bestiary.data.proteins import drawing, pdb

    assert settings.out is not None
    sure = output.plddt[0] if output.plddt is not None else output.final_atom_mask[0].new_zeros(len(aatype))
    title = "untrained: random weights" if settings.twin else "predicted structure"
    if settings.out.suffix.lower() == ".pdb":
        mask = output.final_atom_mask[0]
        text = pdb(aatype.tolist(), output.final_atom_positions[0], mask, sure, title)
    else:
        places = output.frames[-1, 0, :, :3, 3]
        text = drawing(places, sure, title)
    try:
        with aside(settings.out) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BestiaryError(f"{settings.out} cannot be written: {error.strerror}; name another file") from None


def _show(model: Any, texts: list[str], settings: Settings) -> None:
    if not texts and settings.twin:
        remark(f"no sequence given: {RESIDUES} residues made up")
    rows = [
        (_short(a["sequence"]), len(a["sequence"]), a["rows"], _number(a["confidence"]), a["file"] or "none; say --out")
        for a in fold(model, texts, settings)
    ]
    print_table(("sequence", "residues", "rows", "confidence", "file"), rows)


def _short(sequence: str) -> str:
    return sequence if len(sequence) <= 24 else f"{sequence[:21]}..."


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.1f}"


JOBS: dict[str, Job] = {"fold": Job(fold, _show)}
