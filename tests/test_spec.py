"""The architecture language: what a spec refuses, how it is edited, written, drawn, resized and varied."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_specs import OTHERS
from torch.nn import functional as F

from bestiary.architectures import ARCHITECTURES, make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn import build
from bestiary.sizing import count, diff
from bestiary.spec import (
    GLU,
    MLP,
    Alibi,
    Attention,
    Blank,
    BlockSparse,
    Causal,
    Classifier,
    CrossAttention,
    DisentangledAttention,
    DistanceTable,
    EntityScores,
    Fusion,
    HeldRotary,
    InputConvolution,
    LayerNorm,
    Learned,
    LMHead,
    MaskedPatches,
    NarrowTokens,
    Normed,
    OwnMap,
    Parallel,
    Patches,
    Prefix,
    RelativeAttention,
    Repeat,
    RescaleNorm,
    Residual,
    RMSNorm,
    Rotary,
    RoundedLayerNorm,
    RoundedRotary,
    SharedTokens,
    SideAttention,
    Sinusoidal,
    SinusoidalAfterPadding,
    Stack,
    T5Bias,
    Tokens,
    Top2,
    TopK,
    Transform,
    Transformer,
    VisiblePatches,
    Window,
    WindowedAttention,
    YarnScaling,
    ZeroCenteredNorm,
    ZeroMemory,
    check,
    flat,
    from_json,
    own_layers,
    resize,
    run_order,
    swap,
    tiny,
    to_json,
    tree,
    walk,
    with_position,
)

SIZES = {"dim": 24, "depth": 3, "heads": 4, "hidden": 40, "vocab": 61}
PAIR = {"dim": 24, "encoder_depth": 2, "decoder_depth": 3, "heads": 4, "hidden": 40, "vocab": 61}
PAIRS = ("bart", "mbart", "pegasus", "blenderbot", "blenderbot_small", "m2m_100", "marian", "alexatm")
MORE: dict[str, dict[str, Any]] = {
    "t5": {"head_dim": 6},
    "t5_1_1": {"head_dim": 10},
    "switch": {"head_dim": 6},
    "switch_gated": {"head_dim": 10},
    "glam": {"head_dim": 6},
    "glam_dense": {"head_dim": 6},
    "umt5": {"head_dim": 6},
    "t5_encoder": {"head_dim": 6},
    "t5_1_1_encoder": {"head_dim": 6},
    "umt5_encoder": {"head_dim": 6},
    "albert": {"width": 8},
    "electra": {"width": 8},
    "deberta_v2": {"kernel": 3},
    "ernie": {"tasks": 3},
    "gptj": {"rotated": 4},
    "palm": {"head_dim": None},
    "lamda": {"head_dim": 6},
    "falcon_two_norms": {"kv_heads": 2},
    "gpt_neox": {"fraction": 2 / 3},
    "gpt_neox_serial": {"fraction": 1.0},
    "transformer": {},
    "mistral": {"kv_heads": 2, "window": 256},
    "qwen3": {"head_dim": 10},
    "stablelm": {"fraction": 2 / 3},
    "gemma": {"head_dim": 10},
    "esm2": {"mask": 4},
    "esm1b": {"mask": 4},
}
SPECS: dict[str, Any] = {
    name: make(name, **(PAIR if name in PAIRS else SIZES), **MORE.get(name, {}))
    for name in ARCHITECTURES
    if set(PAIR if name in PAIRS else SIZES) <= set(inspect.signature(ARCHITECTURES[name].make).parameters)
    and name != "imagen"  # text and pictures both have sizes of their own; small in feature_map_models.py
}
"""Every architecture of texts at small sizes: rooms for other things have sizes and tests of their own."""
SPECS |= OTHERS
BERT, GPT2, LLAMA, T5, DEBERTA = (SPECS[name] for name in ("bert", "gpt2", "llama", "t5", "deberta_v2"))

MIXTRAL = SPECS["mixtral"]
STORIES = make("mpt", dim=24, depth=2, heads=4, hidden=96, vocab=61, bound=6.0, halvings=16.0)
families = pytest.mark.parametrize("name", SPECS)


def refused(*fragments: str) -> Any:
    """Expect one sentence that holds the fragments in this order."""
    import re

    return pytest.raises(BestiaryError, match="(?s)" + ".*".join(map(re.escape, fragments)))


# --- Reading and editing -------------------------------------------------------------------------------------------


def test_paths_read_fields_branches_and_layers() -> None:
    assert BERT.at("dim") == 24
    assert BERT.at("embed.position.length") == 512
    assert BERT.at("stack.layers[1].attn.heads") == 4
    assert BERT.at("stack.layers[-1].mlp.norm") == LayerNorm(1e-12)
    assert BERT.at("stack.layers[*].mlp.hidden") == (40, 40, 40)
    assert BERT.at("stack.layers[::2].attn") == (BERT.at("stack.layers[0].attn"),) * 2
    assert T5.at("decoder.stack.layers[0].cross") == CrossAttention(4, bias="", scale=1.0, dropout=0.1)


def test_edits_return_a_new_tree_and_leave_the_old() -> None:
    edited = BERT.at("stack.layers[-1].mlp.hidden", 7)
    assert [layer[1].op.hidden for layer in own_layers(edited.stack)] == [40, 40, 7]
    assert BERT.at("stack.layers[-1].mlp.hidden") == 40
    assert edited.at("stack.layers[-1].mlp.hidden", 40) == BERT
    assert hash(edited.at("stack.layers[-1].mlp.hidden", 40)) == hash(BERT)


def test_branches_are_replaced_removed_and_rebuilt() -> None:
    gated = GPT2.at("stack.layers[*].mlp", GLU(16))
    assert gated.at("stack.layers[2].mlp.hidden") == 16
    assert gated.at("stack.layers[2].mlp.placement") == "pre"
    assert GPT2.at("stack.layers[0].mlp", None).at("stack.layers[0]") == GPT2.at("stack.layers[0]")[:1]
    bare = Residual(MLP(8))
    assert GPT2.at("stack.layers[1].mlp", bare).at("stack.layers[1]")[1] == bare


def test_a_wildcard_passes_over_layers_without_the_branch() -> None:
    mixed = GPT2.at("stack.layers[0].mlp", None)
    assert mixed.at("stack.layers[*].mlp.hidden", 9).at("stack.layers[*].mlp.hidden") == (9, 9)


def test_shared_layers_are_edited_once() -> None:
    albert = SPECS["albert"].at("stack.layers[0].mlp.hidden", 11)
    assert albert.stack.layers[0].times == 3
    assert albert.at("stack.layers[*].mlp.hidden") == (11,)
    assert run_order(albert.stack) == (0, 0, 0)


def test_branches_of_one_kind_are_numbered_and_reached_in_parallel() -> None:
    twice = Residual(Parallel((Attention(4), Normed(MLP(8), LayerNorm()), GLU(6))), LayerNorm())
    model = GPT2.replace(stack=Stack(((twice, Residual(MLP(5)), Residual(MLP(3))),)))
    assert model.at("stack.layers[0].parallel.mlp.hidden") == 8
    assert model.at("stack.layers[0].parallel.mlp_2.hidden", 4).at("stack.layers[0].parallel.mlp_2") == GLU(4)
    assert model.at("stack.layers[0].mlp_2.hidden") == 3
    assert "stack.layers[0].parallel.attn" in dict(walk(model))


BAD_PATHS = {
    "stack.layers[*].atn.heads": ("stack.layers[0] has attn, mlp, no atn", "did you mean 'attn'"),
    "stack.layers[9].attn": ("has 3 parts, no [9]",),
    "embed.positions": ("embed has vocab", "did you mean 'position'"),
    "dim.size": ("dim is 24",),
    "stack..layers": ("is not a path",),
    "stack.layers[x]": ("is not a path",),
    "": ("is not a path",),
    "heads.lm.tied": ("no lm",),
}


@pytest.mark.parametrize("path", BAD_PATHS)
def test_paths_that_name_nothing_are_refused(path: str) -> None:
    with refused(*BAD_PATHS[path]):
        BERT.at(path, 1)


def test_values_of_the_wrong_type_are_refused_with_the_path() -> None:
    with refused("stack.layers[0].attn.heads", "Attention.heads takes int, not 'four'"):
        BERT.at("stack.layers[*].attn.heads", "four")
    with refused("embed.norm", "not MLP(...)"):
        BERT.at("embed.norm", MLP(3))
    with refused("stack.layers[0].attn takes an op"):
        BERT.at("stack.layers[0].attn", 3)
    with refused("embed.norm", "not MLP(...)"):
        swap(BERT, LayerNorm, MLP(3))


def test_swap_replaces_every_node_of_a_kind() -> None:
    swapped = swap(BERT, LayerNorm, RMSNorm())
    kinds = [type(node) for _, node in walk(swapped)]
    assert LayerNorm not in kinds
    assert kinds.count(RMSNorm) == [type(node) for _, node in walk(BERT)].count(LayerNorm) == 7
    assert swap(GPT2, MLP, lambda mlp: GLU(mlp.hidden * 2)).at("stack.layers[*].mlp.hidden") == (80,) * 3


POSITIONS = [Learned(9), Sinusoidal(), Rotary(500.0), T5Bias(8, 20), Alibi(), None]


@pytest.mark.parametrize("position", POSITIONS, ids=str)
@pytest.mark.parametrize("name", ["bert", "gpt2", "t5", "transformer", "albert", "bart"])
def test_with_position_leaves_no_other(name: str, position: Any) -> None:
    moved = check(with_position(SPECS[name], position))
    kinds = {type(node) for _, node in walk(moved)}
    expected = set() if position is None else {type(position)}
    assert kinds & {Learned, Sinusoidal, Rotary, T5Bias, Alibi} == expected
    ids = torch.tensor([[5, 9, 9, 2]])
    model = build(moved, seed=0)
    given = (
        {"input_ids": ids, "decoder_input_ids": ids} if name in ("t5", "transformer", "bart") else {"input_ids": ids}
    )
    assert model(**given).last_hidden_state.isfinite().all()


def test_positions_of_images_stay() -> None:
    with refused("embeds Patches"):
        with_position(SPECS["vit"], Rotary())


# --- Checks --------------------------------------------------------------------------------------------------------

NONSENSE = {
    "stack.layers[*].attn.heads": (BERT, 5, "stack.layers[0].attn: 5 heads do not divide dim 24"),
    "stack.layers[1].attn.kv_heads": (LLAMA, 3, "stack.layers[1].attn: 3 kv_heads do not divide 4 heads"),
    "stack.layers[2].mlp": (BERT, CrossAttention(4), "stack: cross-attention has no encoder to read"),
    "heads.pool": (BERT, LMHead(), "a tied head needs a transform"),
    "dim": (BERT, 0, "dim is 0"),
    "embed.dropout": (BERT, 1.0, "embed: dropout is 1.0"),
    "embed.norm.eps": (BERT, 0, "embed.norm: eps is 0, which must be positive"),
    "stack.layers[0].attn.bias": (BERT, "qx", "stack.layers[0].attn: bias is 'qx'"),
    "stack.layers[0].attn.position": (LLAMA, Rotary(fraction=0.1), "stack.layers[0].attn: rotary positions turn pairs"),
    "encoder.stack.position": (T5, T5Bias(32, 4), "encoder.stack.position: 32 buckets"),
    "encoder.embed": (T5, SharedTokens(), "the encoder owns the table"),
    "decoder.stack.layers[0].attn.heads": (T5, 8, "must have as many heads each"),
    "decoder.embed.norm": (SPECS["blenderbot_small"], None, "decoder.embed: NormedTokens has no norm"),
    "decoder.embed.position": (T5.replace(dim=3), SinusoidalAfterPadding(9), "need two wavelengths at least"),
    "heads.classifier": (BERT, Classifier(3, "source_end"), "needs an encoder that reads a source"),
    "stack.layers[0].attn": (
        BERT,
        DisentangledAttention(4, to_position=OwnMap()),
        "stack: disentangled attentions need",
    ),
    "stack.layers[1].attn.position": (BERT, DistanceTable(4), "vectors of distances are the stack's"),
    "stack.layers[1].attn.heads": (DEBERTA, 5, "stack.layers[1].attn: 5 heads do not divide dim 24"),
    "stack.layers[2].attn.bias": (DEBERTA, "kk", "stack.layers[2].attn: bias is 'kk'"),
    "stack.layers[2].attn": (DEBERTA, DisentangledAttention(4), "disentangled attention without positions"),
    "stack.layers[0].conv.kernel": (DEBERTA, 4, "stack.layers[0].conv: kernel is 4, which must be odd"),
    "stack.layers[0].conv.groups": (DEBERTA, 5, "stack.layers[0].conv: 5 groups do not divide dim 24"),
    "stack.position.buckets": (DEBERTA, 1, "stack.position: a table needs at least 2 buckets"),
    "embed.tasks": (SPECS["ernie"], 0, "embed: tasks is 0"),
    "stack.layers[1].attn.bound": (STORIES, 0.0, "stack.layers[1].attn: bound is 0.0"),
    "stack.position.halvings": (STORIES, -1.0, "stack.position: halvings is -1.0"),
    "stack.layers[1].attn": (BERT, WindowedAttention(5, 2), "stack.layers[1].attn: 5 heads do not divide dim 24"),
    "stack.position": (SPECS["longformer"], Alibi(), "stack: sparse attention has no scores of all pairs"),
    "stack.layers[0].attn.mask": (BERT, (BlockSparse(), Window(9)), "stack.layers[0].attn: a block-sparse mask stands"),
    "embed.image": (SPECS["vit"], 3, "embed: patches of 4 pixels do not fit into an image of 3"),
    "decoder.embed": (T5, NarrowTokens(61, 8), "decoder.embed: NarrowTokens are for a model of one tower"),
    "embed.position.offset": (SPECS["opt"], 0, "embed.position: offset is 0, but padding reads the row before"),
    "stack.layers": (BERT, (), "at least one layer"),
    "stack.layers[0].mlp.experts": (MIXTRAL, 99_999, "stack.layers[0].mlp: there are 99,999 experts, more than the"),
    "stack.layers[1].mlp.router": (MIXTRAL, TopK(k=9), "stack.layers[1].mlp: the router chooses 9 of 8 experts"),
    "stack.layers[2].mlp.router": (MIXTRAL, Top2(factor=0.0), "stack.layers[2].mlp.router: factor is 0.0"),
    "stack.layers[1].mlp.router.k": (MIXTRAL, 0, "stack.layers[1].mlp.router: k is 0"),
    "stack.layers[2].attn.mask": (
        SPECS["qwen3"],
        (BlockSparse(2, 1),),
        "stack.layers[2].attn: attention in blocks neither",
    ),
    "embed.scaled": (SPECS["gemma"], True, "embed: ScaledTokens are scaled already"),
    "stack.layers[0].attn.kv_heads": (SPECS["qwen3"], 3, "stack.layers[0].attn: 3 kv_heads do not divide 4 heads"),
    "stack": (BERT, Stack((Repeat(BERT.stack.layers, 0),)), "times is 0"),
}


@pytest.mark.parametrize("path", NONSENSE)
def test_nonsense_is_refused_with_the_path(path: str) -> None:
    spec, value, sentence = NONSENSE[path]
    if path == "heads.pool":
        spec = SPECS["albert"]
    with refused(sentence):
        build(spec.at(path, value))


FUSION, FUSED = Fusion(40, 100, LayerNorm()), SPECS["ernie_thu"]
UNFUSED: list[tuple[Any, ...]] = [
    (FUSED, "stack.layers[1].fusion.width", 96, "stack.layers[1].fusion: one stream", "the same width, not [96, 100]"),
    (
        FUSED,
        "stack.layers[2].fusion.attention.heads",
        3,
        "stack.layers[2].fusion.attention: 3 heads do not divide",
        "width 100",
    ),
    (FUSED, "stack.layers[2].fusion.attention.heads", 0, "stack.layers[2].fusion.attention: heads is 0"),
    (FUSED, "stack.layers[2].fusion.width", 0, "stack.layers[2].fusion: width is 0"),
    (FUSED, "stack.layers[2].attn.mask", (Causal(),), "stack.layers[1].fusion: a second stream is read whole"),
    (FUSED, "stack.layers[0].attn", RelativeAttention(4, memory=ZeroMemory(5)), "a second stream remembers nothing"),
    (
        T5,
        "decoder.stack.layers[0].mlp",
        FUSION,
        "decoder.stack.layers[0].fusion: a second stream stands beside the tokens",
    ),
    (FUSED, "embed", NarrowTokens(61, 8), "stack.layers[1].fusion: a second stream stands beside the tokens"),
    (
        BERT,
        "heads.entities",
        EntityScores(Transform()),
        "heads.entities: scores of entities need a Fusion in the stack",
    ),
]


@pytest.mark.parametrize(("spec", "path", "value", "fragments"), [(*case[:3], case[3:]) for case in UNFUSED])
def test_what_cannot_be_fused_is_refused(spec: Any, path: str, value: Any, fragments: tuple[str, ...]) -> None:
    with refused(*fragments):
        build(spec.at(path, value))


def test_vectors_of_distances_need_disentangled_attentions() -> None:
    with refused("stack: vectors of distances are for disentangled attentions only"):
        build(BERT.at("stack.position", DistanceTable(4)))


def test_all_problems_come_in_one_message() -> None:
    with refused("dim is -1", "vocab is 0", "dropout is nan"):
        check(BERT.at("dim", -1).at("embed.vocab", 0).at("stack.layers[0].mlp.dropout", float("nan")))


def test_a_billion_layers_are_refused_at_once() -> None:
    with refused("depth is 1000000000"):
        make("bert", **SIZES | {"depth": 10**9})
    with refused("the stack has 1,000,000,000 layers, more than the 10,000 that are allowed"):
        check(SPECS["albert"].at("stack", Stack((Repeat((own_layers(BERT.stack)[0],), 10**9),))))


@families
def test_every_architecture_passes_its_own_check(name: str) -> None:
    assert check(SPECS[name]) is SPECS[name]


# --- JSON ----------------------------------------------------------------------------------------------------------

depths = st.integers(1, 5)
norms = st.sampled_from([None, LayerNorm(1e-3), LayerNorm(bias=False), RMSNorm()])
masks = st.sampled_from([(), (Causal(),), (Prefix(), Window(3))])
placements = st.sampled_from(["pre", "post", "output", "both"])
rotaries = st.sampled_from([None, Rotary(), Rotary(500.0, 0.5, YarnScaling(2.0, 16), 64), Alibi()])
attentions = st.builds(
    Attention,
    st.just(4),
    kv_heads=st.sampled_from([None, 1, 2]),
    bias=st.sampled_from(["", "o", "qkvo"]),
    position=rotaries,
    mask=masks,
    scale=st.sampled_from([None, 1.0]),
)
feeds = st.builds(MLP, st.integers(1, 9), st.sampled_from(["relu", "gelu"])) | st.builds(GLU, st.integers(1, 9))
ops = attentions | feeds | st.builds(lambda a, b: Parallel((a, Normed(b, RMSNorm()))), attentions, feeds)
layers = st.lists(st.builds(Residual, ops, norms, placements, st.sampled_from([1.0, 0.5])), min_size=1, max_size=3)
items = layers.map(tuple) | st.builds(Repeat, st.lists(layers.map(tuple), min_size=1, max_size=2).map(tuple), depths)
embeds = st.builds(
    Tokens,
    st.integers(1, 50),
    st.integers(0, 2),
    st.sampled_from([None, Learned(9), Learned(9, 2), Sinusoidal()]),
    norms,
    st.sampled_from([None, 3]),
)
specs = st.builds(
    Transformer,
    st.just(16),
    embeds | st.just(Patches(12, 4)),
    st.builds(Stack, st.lists(items, min_size=1, max_size=4).map(tuple), norms, st.sampled_from([None, Alibi()])),
)


@given(specs)
def test_json_gives_the_spec_back(spec: Transformer) -> None:
    assert from_json(json.loads(json.dumps(to_json(check(spec))))) == spec


@families
def test_json_of_every_architecture(name: str) -> None:
    written = json.dumps(to_json(SPECS[name]))
    assert from_json(json.loads(written)) == SPECS[name]


def test_json_writes_a_run_of_equal_layers_once() -> None:
    assert len(json.dumps(to_json(resize(LLAMA, depth=96)))) <= len(json.dumps(to_json(LLAMA))) + 1


def test_json_that_is_no_spec_is_refused_with_the_path() -> None:
    sound = to_json(BERT)
    with refused("spec.embed.node is 'Tokns'", "did you mean 'Tokens'"):
        from_json(sound | {"embed": {"node": "Tokns"}})
    with refused("spec.embed: Tokens has no field 'vocabulary'", "did you mean 'vocab'"):
        from_json(sound | {"embed": {"node": "Tokens", "vocabulary": 3}})
    with refused("spec: Transformer lacks 'dim'"):
        from_json({key: value for key, value in sound.items() if key != "dim"})
    with refused("spec.dim", "takes int"):
        from_json(sound | {"dim": "24"})
    with refused("times is 1000000000"):
        from_json(sound | {"stack": {"node": "Stack", "layers": [{"times": 10**9, "of": []}]}})
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    with refused("spec nests deeper"):
        from_json(sound | {"stack": deep})
    for other in (None, 3, [], {}, "bert", to_json(MLP(3))):
        with refused("spec"):
            from_json(other)


# --- Drawn and unrolled --------------------------------------------------------------------------------------------


def test_the_tree_folds_equal_layers() -> None:
    drawn = tree(resize(BERT, depth=48))
    assert "48 x [" in drawn
    assert len(drawn.splitlines()) == len(tree(BERT).splitlines()) < 12
    assert "the same weights 3 times" in str(SPECS["albert"])
    banded = tree(resize(SPECS["gpt3"], depth=8))
    assert "4 x [" in banded
    assert banded.count("Window(256)") == 1


def test_the_tree_is_written_as_the_python_that_makes_it() -> None:
    assert str(GLU(40)) == "GLU(40)"
    assert str(Tokens(61, 2, Learned(9), dropout=0.1)) == "Tokens(61, types=2, position=Learned(9), dropout=0.1)"
    assert "Attention(4, mask=(Causal(),), dropout=0.1)" in tree(GPT2)


def test_a_notebook_folds_the_tree() -> None:
    shown = BERT._repr_html_()
    assert "<details open><summary>Transformer(dim=24)</summary>" in shown
    assert shown.count("<details") == shown.count("</details>") > 2
    assert "<b>embed</b> Tokens(" in shown
    assert "]</" not in shown, "a bracket that closes a run has no line of its own"
    assert "<i>&" not in Attention(4, bias="<i>&")._repr_html_()
    assert "&lt;i&gt;&amp;" in Attention(4, bias="<i>&")._repr_html_()


_FORMULAS: dict[type[Any], type[Any]] = {
    RescaleNorm: RMSNorm,
    ZeroCenteredNorm: RMSNorm,
    RoundedLayerNorm: LayerNorm,
    RoundedRotary: Rotary,
    HeldRotary: Rotary,
    MaskedPatches: Patches,
    VisiblePatches: Patches,
}
"""What differs in rounding only, or adds a line of its own, is shown alike."""


@families
def test_the_flat_view_names_every_part(name: str) -> None:
    spec = SPECS[name]
    code = flat(spec)
    assert code.startswith("def forward(")
    assert max(map(len, code.splitlines())) < 140
    kinds = {_FORMULAS.get(type(node), type(node)) for _, node in walk(spec)}
    words = {MLP: "@ W1", GLU: "@ Wgate", LayerNorm: "layer_norm(", RMSNorm: "rms_norm(", Rotary: "rotate(q"}
    words |= {T5Bias: "bucket(", CrossAttention: "memory @ Wk", Causal: "only the past", LMHead: "[B, T, 61]"}
    words |= {BlockSparse: "blocks of 64: first, last, 3 around, 3 random"}
    words |= {WindowedAttention: "keys at most 256 away, and global ones"}
    words |= {DisentangledAttention: "dk = distance", InputConvolution: "conv(entered)", Blank: "padding"}
    words |= {Fusion: "e = e * entity_mask", SideAttention: "e @ Uq"}
    words |= {Window: "keys less than ", Patches: "patches(pixel_values)"}
    for kind, word in words.items():
        assert (word in code) == (kind in kinds), kind
    assert ("with the same weights" in code) == (name == "albert")
    assert flat(resize(spec, depth=24)).count("\n") <= code.count("\n") + 4


# --- Sizes ---------------------------------------------------------------------------------------------------------


@families
def test_resize_keeps_the_architecture_at_its_own_sizes(name: str) -> None:
    spec = SPECS[name]
    assert resize(spec) == spec
    assert resize(resize(spec, dim=2 * spec.dim), dim=spec.dim) == spec
    wide = resize(spec, dim=48)
    hidden = [node.hidden * 48 // spec.dim for _, node in walk(spec) if isinstance(node, MLP | GLU)]
    assert [node.hidden for _, node in walk(wide) if isinstance(node, MLP | GLU)] == hidden


def test_resize_sets_what_is_named() -> None:
    spec = resize(GPT2, dim=32, depth=5, heads=8, hidden=70, vocab=99, length=17)
    assert (spec.dim, len(spec.stack.layers)) == (32, 5)
    assert spec.at("stack.layers[*].attn.heads") == (8,) * 5
    assert (spec.at("stack.layers[4].mlp.hidden"), spec.embed.vocab, spec.embed.position.length) == (70, 99, 17)
    assert run_order(resize(SPECS["albert"], depth=7).stack) == (0,) * 7
    pattern = resize(SPECS["gpt3"], depth=5).at("stack.layers[*].attn.mask")
    assert [len(masks) for masks in pattern] == [1, 2, 1, 2, 1]
    assert resize(SPECS["longformer"], length=128).at("stack.layers[*].attn.window") == (8,) * 3
    assert resize(SPECS["big_bird"], length=128).at("stack.layers[2].attn.mask") == (BlockSparse(2, 3, 128),)
    with refused("stack.layers[0].attn: 7 heads do not divide dim 24"):
        resize(BERT, heads=7)


@families
def test_tiny_twins_are_small_and_run(name: str) -> None:
    spec = tiny(resize(SPECS[name], dim=96))
    assert count(spec).total < 1_000_000
    build(spec, device="meta")


def test_a_first_layer_of_its_own_stays_the_only_one() -> None:
    for depth in (2, 7):
        branches = [len(layer) for layer in resize(DEBERTA, depth=depth).stack.layers]
        assert branches == [5, *([2] * (depth - 1))]
    assert len(tiny(resize(DEBERTA, depth=9)).stack.layers) == 2


# --- Four variants in a line each ----------------------------------------------------------------------------------

MASKED = with_task(BERT, "bert", "masked-lm")
VARIANTS: dict[str, tuple[Any, Any]] = {
    "BERT with rotary positions": (MASKED, with_position(MASKED, Rotary())),
    "GPT-2 with SwiGLU": (GPT2, GPT2.at("stack.layers[*].mlp", GLU(27))),
    "BERT with RMSNorm throughout": (MASKED, swap(MASKED, LayerNorm, RMSNorm())),
    "T5 resized": (T5, resize(T5, dim=32, depth=2, heads=2, hidden=48)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_build_count_differ_and_learn(name: str) -> None:
    torch.set_num_threads(1)
    parent, variant = VARIANTS[name]
    model = build(variant, seed=0)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert count(variant).total == total
    change = diff(parent, variant)
    assert change.parameters == total - count(parent).total
    assert change.changes
    assert all(each.path in str(change) for each in change.changes)
    losses = trained(model, steps=50)
    assert losses[-1] < 0.8 * losses[0]


def trained(model: torch.nn.Module, steps: int) -> list[float]:
    """Learn one batch by heart; return the loss before each step."""
    torch.manual_seed(0)
    ids = torch.randint(0, 61, (4, 9))
    given = {"input_ids": ids, "decoder_input_ids": ids} if hasattr(model, "decoder") else {"input_ids": ids}
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses: list[float] = []
    for _ in range(steps):
        loss = F.cross_entropy(model(**given).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_no_part_is_passed_over_for_another_that_stood_at_its_address() -> None:
    for _ in range(50):
        with pytest.raises(BestiaryError, match=r"decoder\.stack.*32 buckets cannot be spread"):
            make("umt5", dim=12, depth=2, heads=3, head_dim=4, hidden=10, distance=16)
