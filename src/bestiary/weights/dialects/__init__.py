"""Dialects: how each family of published checkpoints spells its tensors and its config. One table, every name in it."""

from __future__ import annotations

from bestiary.weights.dialects import (
    albert,
    bart,
    barts,
    bert,
    big_bird,
    distilbert,
    electra,
    ernie,
    gemma,
    gguf,
    gpt2,
    llama,
    longformer,
    megatron,
    mistral,
    mixtral,
    modernbert,
    mt5,
    openai_gpt,
    qwen,
    roberta,
    stablelm,
    switch,
    t5,
    transfo_xl,
    vit,
    xlnet,
)
from bestiary.weights.dialects.dialect import Dialect

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        bert.DIALECT,
        roberta.DIALECT,
        roberta.XLM_ROBERTA,
        roberta.CAMEMBERT,
        megatron.DIALECT,
        megatron.XLM_ROBERTA_XL,
        ernie.DIALECT,
        electra.DIALECT,
        longformer.DIALECT,
        big_bird.DIALECT,
        modernbert.DIALECT,
        albert.DIALECT,
        distilbert.DIALECT,
        openai_gpt.DIALECT,
        gpt2.DIALECT,
        t5.DIALECT,
        mt5.MT5,
        mt5.UMT5,
        switch.DIALECT,
        bart.DIALECT,
        *barts.DIALECTS,
        llama.DIALECT,
        mistral.DIALECT,
        mixtral.DIALECT,
        qwen.QWEN2,
        qwen.QWEN3,
        stablelm.DIALECT,
        gemma.DIALECT,
        vit.DIALECT,
        transfo_xl.DIALECT,
        xlnet.DIALECT,
        gguf.DIALECT,
    )
}

__all__ = ["DIALECTS", "Dialect"]
