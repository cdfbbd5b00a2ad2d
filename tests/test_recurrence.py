"""Recurrence from segment to segment, two streams and shifted scores, against references and slow derivations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from comparison import apart, kept, perturbed, targets, texts
from references import ROWS, Row
from references.recorded import RecordedRow
from references.recurrent import POSITIONS, xlnet
from torch import Tensor
from transformers import XLNetModel

from bestiary import nn, spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.generate import generate
from bestiary.nn.context import Context
from bestiary.sizing import count
from bestiary.weights.load import load_weights

SIZES = {"dim": 16, "depth": 2, "heads": 4, "hidden": 24, "vocab": 50}
SMALL = make("xlnet", **SIZES)
BANDED = make("transfo_xl", **SIZES, cutoffs=(11, 30), divisor=2)
RELATIVE = spec.RelativeAttention(2, memory=spec.Memory())
SWITCHES: dict[str, dict[str, Any]] = {
    "all remembered": {"mem_len": None},
    "some remembered": {"mem_len": 5, "clamp_len": 4},
    "some of a segment remembered": {"mem_len": 7, "reuse_len": 3},
    "one direction": {"attn_type": "uni", "mem_len": 6},
    "as many keys for each": {"attn_type": "uni", "same_length": True, "mem_len": 6},
    "half the batch backwards": {"bi_data": True},
}


GIVEN = [
    (name, given)
    for name, switches in SWITCHES.items()
    # In one direction the reference fails to add a mask for each text to one for all.
    for given in (("tokens",) if "attn_type" in switches else ("tokens", "padded", "streams"))
]


@pytest.mark.parametrize(("switches", "given"), GIVEN)
@torch.no_grad()
def test_three_segments_as_the_reference(switches: str, given: str, tmp_path: Path) -> None:
    reference = perturbed(Row("XLNetLMHeadModel", lambda random: xlnet(random, **SWITCHES[switches])), 0)
    reference.save_pretrained(tmp_path)
    model, _ = load_weights(tmp_path)
    theirs, ours = None, None
    for _ in range(3):
        keep = kept(9, "right")[torch.tensor([0, 1, 2, 1])]
        inputs = {"token_type_ids": torch.randint(0, 3, keep.shape)}
        inputs |= {"attention_mask": keep} if given != "tokens" else {}
        inputs |= targets(keep) if given == "streams" else {}
        ids = texts(reference.config, keep)
        expected, found = reference(ids, mems=theirs, **inputs), model(ids, mems=ours, **inputs)
        assert apart(expected.logits, found.logits) < 1e-10
        theirs, ours = expected.mems, found.mems
        for one, other in zip(theirs, ours, strict=True):
            assert one.shape == other.shape
            assert apart(one, other) < 1e-10


@torch.no_grad()
def test_answers_of_two_streams_are_those_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = perturbed(Row("XLNetLMHeadModel", xlnet), 1)
    reference.save_pretrained(tmp_path)
    model, _ = load_weights(tmp_path)
    ids = texts(reference.config, kept(6, None))
    settings = {"max_new_tokens": 5, "eos_token_id": None, "pad_token_id": 0}
    monkeypatch.setattr(XLNetModel, "positional_embedding", staticmethod(POSITIONS))
    expected = reference.float().generate(ids, do_sample=False, use_mems=False, **settings)
    assert torch.equal(generate(model, ids, **settings), expected)
    padded = torch.nn.functional.pad(ids, (2, 3))
    mask = torch.nn.functional.pad(torch.ones_like(ids), (2, 3))
    assert torch.equal(generate(model, padded, mask, **settings)[:, 11:], expected[:, 6:])


def test_what_two_streams_refuse() -> None:
    model = nn.build(SMALL, seed=0)
    ids = torch.arange(6)[None]
    with pytest.raises(BestiaryError, match="give mems, no cache"):
        model(ids, past_key_values=nn.Cache())
    mirrored = model.spec.at("stack.layers[*].attn.distances", spec.MirroredDistances())
    with pytest.raises(BestiaryError, match="an even number"):
        nn.build(mirrored, seed=0)(ids)
    plain = nn.build(model.spec.replace(embed=spec.Tokens(50)), seed=0)
    with pytest.raises(BestiaryError, match="no vector for targets"):
        plain(ids, target_mapping=torch.zeros(1, 1, 6))
    assert model.train()(ids).mems is None
    assert len(model(ids, use_mems=True).mems) == 2


RECORDED = [row for row in ROWS if isinstance(row, RecordedRow) and row.name.startswith("TransfoXL")]


@pytest.mark.parametrize("row", RECORDED, ids=str)
@torch.no_grad()
def test_memories_are_those_that_were_recorded(row: RecordedRow, tmp_path: Path) -> None:
    reference = row.reference(0)
    reference.save_pretrained(tmp_path)
    model, _ = load_weights(tmp_path)
    mems = None
    for segment in ("first", "second"):
        mems = model(reference.part(segment)["input_ids"], **({} if mems is None else {"mems": mems})).mems
        expected = reference.mems(segment)
        assert len(expected) == len(mems or [])
        for one, other in zip(expected, mems or [], strict=True):
            assert apart(one, other) < 1e-10


@torch.no_grad()
def test_a_token_at_a_time_with_memories_is_what_the_cache_gives() -> None:
    model = nn.build(make("transfo_xl", **SIZES, cutoffs=(11, 30), divisor=2, memory=4), seed=0)
    ids = torch.randint(1, 50, (2, 9))
    mems, scores = None, []
    for token in ids.split(1, dim=1):
        output = model(token, mems=mems)
        mems = output.mems
        scores.append(output.logits)
    whole = model(ids).logits
    assert apart(whole, torch.cat(scores, dim=1)) < 1e-5
    assert apart(whole.exp().sum(-1), torch.ones(2, 9)) < 1e-5
    answer = generate(model, ids, max_new_tokens=5, eos_token_id=None, pad_token_id=0)
    padded, mask = torch.nn.functional.pad(ids, (3, 2)), torch.nn.functional.pad(torch.ones_like(ids), (3, 2))
    again = generate(model, padded, mask, max_new_tokens=5, eos_token_id=None, pad_token_id=0)
    assert torch.equal(answer[:, 9:], again[:, 14:])
    with pytest.raises(BestiaryError, match="remembers nothing"):
        nn.build(make("transfo_xl", **SIZES, divisor=2, same_length=False), seed=0)(ids, mems=mems)


GOPHER = {  # Rae et al. 2021, table 1: layers, heads, key and value width, model width; and the stated millions
    "44M": (8, 16, 32, 512, 44), "117M": (12, 12, 64, 768, 117), "417M": (12, 12, 128, 1536, 417),
    "1.4B": (24, 16, 128, 2048, 1_400), "7.1B": (32, 32, 128, 4096, 7_100), "280B": (80, 128, 128, 16384, 280_000),
    "Chinchilla": (80, 64, 128, 8192, 70_000),
}  # fmt: skip


@pytest.mark.parametrize("size", GOPHER)
@pytest.mark.parametrize("bias", [True, False])
def test_stated_counts_of_gopher(size: str, bias: bool) -> None:
    depth, heads, head_dim, dim, stated = GOPHER[size]
    model = make("gopher", dim=dim, depth=depth, heads=heads, head_dim=head_dim, hidden=4 * dim, bias=bias)
    assert round(count(model).total, -6 if stated < 1000 else -8 if stated < 10_000 else -9) == stated * 10**6


def slow_scores(op: Any, biases: Any, q: Tensor, k: Tensor, past: int) -> Tensor:
    """The four terms of Dai et al. 2019, section 3.3, one query, key and head at a time."""
    heads, tokens, width = q.shape
    scores = torch.zeros(heads, tokens, len(k[0]), dtype=q.dtype)
    dim = op.r.in_features
    for head in range(heads):
        u, v = biases.content_bias[head], biases.distance_bias[head]
        wr = op.r.weight[head * width : (head + 1) * width]
        for i in range(tokens):
            for j in range(len(k[0])):
                angles = (past + i - j) / 10000 ** (torch.arange(0, dim, 2) / dim)
                r = wr @ torch.cat((angles.sin(), angles.cos())).to(q.dtype)
                query = q[head, i]
                scores[head, i, j] = query @ k[head, j] + query @ r + u @ k[head, j] + v @ r
    return scores * width**-0.5


@pytest.mark.parametrize("mask", [(), (spec.Causal(),)])
@pytest.mark.parametrize("kind", [spec.RelativeAttention, spec.TiedRelativeAttention])
@torch.no_grad()
def test_relative_scores_are_the_four_terms(mask: tuple[spec.Mask, ...], kind: type[spec.RelativeAttention]) -> None:
    tied = kind is spec.TiedRelativeAttention
    branch = spec.Residual(kind(2, head_dim=6, mask=mask, memory=spec.Memory()))
    stack = spec.Stack(((branch,),) * 2, position=spec.QueryBiases() if tied else None)
    model = nn.build(spec.Transformer(10, spec.Tokens(20), stack), seed=0).double()
    for parameter in model.parameters():
        parameter.normal_()
    op = model.stack.layers[1].attn
    assert hasattr(op, "content_bias") is not tied
    past, tokens = 3, 5
    x = torch.randn(1, past + tokens, 10).double()
    context = Context(torch.arange(tokens)[None], past + tokens, shared_scores=model.stack.position)
    q, k, v = (project(x).unflatten(-1, (2, 6)).transpose(1, 2)[0] for project in (op.q, op.k, op.v))
    scores = slow_scores(op, model.stack.position if tied else op, q[:, past:], k, past)
    if mask:
        later = torch.arange(past + tokens) > past + torch.arange(tokens)[:, None]
        scores = scores.masked_fill(later, -torch.inf)
    expected = op.o((scores.softmax(-1) @ v).transpose(0, 1).flatten(1))
    assert apart(expected, op(x, context)[0]) < 1e-6  # sines are of float32


TIED = make("transfo_xl", **SIZES, own_biases=False)
REFUSED_TIES = {
    "as the stack's position need each other": ("stack.position", None),
    "QueryBiases as the stack's position need": ("stack.layers[*].attn", spec.RelativeAttention(4)),
    "as many heads each, of the same width": ("stack.layers[0].attn.head_dim", 6),
    "for tied relative attentions only": ("stack.layers[0].mlp", spec.Attention(4)),
    "biases of queries are the stack's": ("stack.layers[0].mlp", spec.Attention(4, position=spec.QueryBiases())),
}


REFUSED = {
    "heads do not divide": ("stack.layers[0].attn.heads", 5),
    "which is odd": ("dim", 15),
    "must all have the same memory": ("stack.layers[0].attn.memory", spec.Memory(3)),
    "stands alone in its branch": ("stack.layers[*].mlp", spec.Parallel((spec.MLP(3), RELATIVE))),
    "an attention with a memory": ("stack.layers[1].attn", spec.Residual(spec.Normed(RELATIVE, spec.RMSNorm()))),
    "clamp is 0": ("stack.layers[0].attn.distances", spec.SineDistances(clamp=0)),
}


REFUSED_BANDS = {
    "cutoffs make 3 bands": ("embed.widths", (16, 4)),
    "which must rise": ("embed", spec.AdaptiveTokens(50, (30, 11), (8, 4, 2))),
    "the embedding's are": ("heads.lm.cutoffs", (11,)),
    "must name bands from 0 to 2": ("heads.lm.own", (3,)),
    "so that nothing is projected": ("embed.widths", (None, 8, 4)),
    "then projects nothing": ("embed", spec.Tokens(50)),
}


CASES = [
    (model, *case)
    for model, cases in ((SMALL, REFUSED), (TIED, REFUSED_TIES), (BANDED, REFUSED_BANDS))
    for case in cases.items()
]


@pytest.mark.parametrize(("model", "sentence", "change"), CASES, ids=[sentence for _, sentence, _ in CASES])
def test_what_check_refuses(model: spec.Transformer, sentence: str, change: tuple[str, Any]) -> None:
    with pytest.raises(BestiaryError, match=sentence):
        spec.check(model.at(*change))


def test_shown_written_and_made_small() -> None:
    large = make("xlnet", dim=1024, depth=24, heads=16, hidden=4096, memory=384)
    assert count(large).total == 360_268_800 + 32_000  # what the reference's base model has, and the bias of the scores
    assert spec.from_json(spec.to_json(large)) == large
    assert "(q + s) @ same_or_other_segment.T" in spec.flat(large)
    small = spec.tiny(large)
    assert (small.dim, small.at("stack.layers[0].attn.heads")) == (64, 4)
    assert small.at("stack.layers[*].attn.memory") == (spec.Memory(128),) * 2
    window = (spec.Causal(), spec.Window(384))
    assert spec.tiny(large.at("stack.layers[*].attn.mask", window)).at("stack.layers[0].attn.mask")[1] == spec.Window(
        128
    )
