"""Dialects: how each family of published checkpoints spells its tensors and its config. One table, every name in it."""

from __future__ import annotations

from bestiary.weights.dialects import albert, bart, bert, distilbert, gguf, gpt2, llama, openai_gpt, roberta, t5, vit
from bestiary.weights.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        bert.DIALECT,
        roberta.DIALECT,
        albert.DIALECT,
        distilbert.DIALECT,
        openai_gpt.DIALECT,
        gpt2.DIALECT,
        t5.DIALECT,
        bart.DIALECT,
        llama.DIALECT,
        vit.DIALECT,
        gguf.DIALECT,
    )
}

__all__ = ["DIALECTS", "Dialect"]
