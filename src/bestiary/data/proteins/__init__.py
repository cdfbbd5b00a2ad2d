"""Proteins: their letters as tokens, alignments of relatives from files, features of them, structures written out."""

from __future__ import annotations

from bestiary.data.proteins.alignments import Alignment, parse_alignment, read_alignment
from bestiary.data.proteins.features import features_of
from bestiary.data.proteins.letters import LETTERS, VOCABULARY, residue_tokenizer
from bestiary.data.proteins.structures import drawing, pdb

__all__ = [
    "LETTERS",
    "VOCABULARY",
    "Alignment",
    "drawing",
    "features_of",
    "parse_alignment",
    "pdb",
    "read_alignment",
    "residue_tokenizer",
]
