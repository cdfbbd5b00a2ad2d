"""Tokens in bands, and the released models of Transformer-XL, which have them or do without."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from comparison import apart

import bestiary
from bestiary import nn, spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn.context import Context
from bestiary.sizing import count
from bestiary.weights.save import save_weights

SIZES = {"dim": 16, "depth": 2, "heads": 4, "hidden": 24, "vocab": 50}


def test_the_published_transformer_xl() -> None:
    bands = {"cutoffs": (20000, 40000, 200000), "divisor": 4, "memory": 1600, "clamp": 1000}
    large = make("transfo_xl", dim=1024, depth=18, heads=16, head_dim=64, hidden=4096, vocab=267735, **bands)
    assert count(large).total == 285_205_322  # of the reference built at its defaults, transformers 4.35.2
    assert spec.from_json(spec.to_json(large)) == large
    assert "the first band, clusters" in spec.flat(large)
    small = spec.tiny(large)
    assert small.at("embed.widths") == (64, 16, 4, 1)
    assert small.at("embed.cutoffs") == small.at("heads.lm.cutoffs") == (38, 76, 382)
    assert small.at("stack.layers[0].attn.mask") == (spec.Causal(), spec.Window(128))
    assert nn.build(small, seed=0)(torch.arange(9)[None]).logits.shape == (1, 9, 512)


def variables(dim: int, depth: int, hidden: int, vocab: int, cutoffs: tuple[int, ...] = ()) -> int:
    """What the authors' TensorFlow code makes for a model whose heads are as wide as it: the shapes, one by one."""
    layer = [(dim, 3 * dim), (dim, dim), (dim, dim), (dim,), (dim,)]  # qkv, r, o and the norm
    layer += [(dim, hidden), (hidden,), (hidden, dim), (dim,), (dim,), (dim,)]
    pairs = depth if cutoffs else 1
    shapes = [*layer * depth, (pairs, dim), (pairs, dim), (len(cutoffs), dim), (len(cutoffs),)]
    for band, (first, end) in enumerate(pairwise((0, *cutoffs, vocab))):
        width = dim // 4**band
        shapes += [(end - first, width), (end - first,)]  # a table and the biases of its scores
        shapes += [(width, dim), (width, dim)] if band else []  # one to embed, one to score, neither in the first band
    return sum(math.prod(shape) for shape in shapes)


WORDS = (60000, 100000, 640000)
RELEASED = {
    "enwik8": variables(1024, 24, 3072, 204), "enwik8-base": variables(512, 12, 2048, 204),
    "text8": variables(1024, 24, 3072, 27),
    "lm1b": variables(1280, 24, 8192, 793470, WORDS), "lm1b-base": variables(1024, 18, 4096, 793470, WORDS),
}  # fmt: skip


@pytest.mark.parametrize("size", RELEASED)
def test_counts_of_the_other_released_models(size: str) -> None:
    assert bestiary.count(f"transformer-xl:{size}").total == RELEASED[size]


@torch.no_grad()
def test_a_band_as_wide_as_the_model_is_not_projected() -> None:
    node = make("transfo_xl", **SIZES, cutoffs=(11, 30), divisor=4, own=(1,), square=False)
    assert node.at("embed.widths") == (None, 4, 1)
    model = nn.build(node, seed=0).double()
    for parameter in model.parameters():
        parameter.normal_()
    embed, head = model.embed, model.heads.lm
    (one, four), own = (embed.projections[band].weight for band in "21"), head.projections["1"].weight
    ids = torch.tensor([[0, 10, 11, 29, 30, 49]])
    rows = [embed.tables[0].weight[[0, 10]], embed.tables[1].weight[[0, 18]] @ four.T]
    rows.append(embed.tables[2].weight[[0, 19]] @ one.T)
    assert apart(torch.cat(rows) * 16**0.5, embed(Context(torch.arange(6)[None], 6, input_ids=ids))[0]) < 1e-12
    x = torch.randn(16).double()
    frequent = torch.cat((embed.tables[0].weight @ x + head.biases[0], head.clusters(x))).log_softmax(-1)
    second = (embed.tables[1].weight @ (own @ x) + head.biases[1]).log_softmax(-1) + frequent[11]
    third = (embed.tables[2].weight @ (one.T @ x) + head.biases[2]).log_softmax(-1) + frequent[12]
    context, output = Context(torch.arange(1)[None], 1, bands=embed), nn.Output(x)
    head(x[None, None], context, output)
    assert apart(torch.cat((frequent[:11], second, third)), output.logits[0, 0]) < 1e-12


def test_no_file_says_that_a_band_is_not_projected(tmp_path: Path) -> None:
    node = make("transfo_xl", **SIZES, cutoffs=(11, 30), divisor=4, own=(1, 2), square=False)
    with pytest.raises(BestiaryError, match="no published format can say this model"):
        save_weights(nn.build(node, seed=0), tmp_path)
