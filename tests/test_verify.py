"""Three counts of every size of every entry: closed form, built on the meta device, and the reference's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from command_line import bestiary, table
from msgspec.structs import replace

from bestiary import spec
from bestiary.catalog.find import entry, list_models, parse_name
from bestiary.catalog.resolve import spec_of
from bestiary.catalog.schema import OwnErratum
from bestiary.cli.names import sizes_of
from bestiary.cli.stated import agrees, interval
from bestiary.cli.verify import Check, check_size
from bestiary.sizing import count
from bestiary.weights.translate import spell

NAMES = [f"{slug}:{size}" for slug in list_models(runnable=True) for size in sizes_of(entry(slug))]

KNOWN = {
    "bert:base": 109_482_240,
    "bert:large": 335_141_888,
    "roberta:base": 124_645_632,
    "albert:xxlarge": 222_595_584,
    "gpt-2:small": 124_439_808,
    "gpt-2:medium": 354_823_168,
    "gpt-2:large": 774_030_080,
    "gpt-2:xl": 1_557_611_200,
    "gpt-3:175b": 174_604_259_328,
    "t5:11b": 11_307_321_344,
    "llama:7b": 6_738_415_616,
    "vit:b16": 86_567_656,
}


def built_by_reference(config: dict[str, Any], class_name: str) -> list[tuple[str, int]]:
    """Return the parameters of the reference built on the meta device: names and sizes, a shared one once."""
    kind = config.pop("model_type")
    with torch.device("meta"):
        model = getattr(transformers, class_name)(transformers.AutoConfig.for_model(kind, **config))
    return [(name, parameter.numel()) for name, parameter in model.named_parameters()]


def spelled(node: Any) -> int:
    """Count the reference that opens what we save."""
    _, class_name, config = spell(node)
    labels = [head.labels for head in node.heads.values() if isinstance(head, spec.Classifier)]
    sizes = built_by_reference(config | ({"num_labels": labels[0]} if labels else {}), class_name)
    tied_anyway = node.heads.get("lm") == spec.LMHead(tied=False) and isinstance(node, spec.EncoderDecoder)
    # transformers 5 ties T5 1.1's head whatever the config says, so its own output matrix is missing there.
    return sum(size for _, size in sizes) + (node.dim * node.encoder.embed.vocab if tied_anyway else 0)


def dense(node: Any) -> int:
    """Count GPT-3 as if all its layers looked everywhere: no library has its bands, and masks have no weights."""
    return spelled(spec.swap(node, spec.Attention, lambda attention: attention.replace(mask=(spec.Causal(),))))


def first_transformer(node: Any) -> int:
    """Count Marian, the nearest: its attentions have biases, and its sinusoids are stored."""
    attention, mlp = node.at("encoder.stack.layers[0].attn"), node.at("encoder.stack.layers[0].mlp")
    depth = len(node.encoder.stack.layers)
    side = {"layers": depth, "attention_heads": attention.heads, "ffn_dim": mlp.hidden}
    config = {f"{name}_{key}": value for name in ("encoder", "decoder") for key, value in side.items()}
    config |= {"model_type": "marian", "d_model": node.dim, "vocab_size": node.encoder.embed.vocab, "pad_token_id": 0}
    biased = ("q_proj.bias", "k_proj.bias", "v_proj.bias", "out_proj.bias", "embed_positions.weight")
    return sum(size for name, size in built_by_reference(config, "MarianMTModel") if not name.endswith(biased))


REFERENCES: dict[str, Callable[[Any], int]] = {"gpt-3": dense, "transformer": first_transformer}
"""Entries that no published format says as they are."""


@pytest.mark.parametrize("name", NAMES)
def test_three_counts_agree(name: str) -> None:
    found, size = parse_name(name)
    check = check_size(found, size)
    reference = REFERENCES.get(found.slug, spelled)(spec_of(name))
    assert check.result.startswith("agrees")
    assert check.closed_form == check.built == reference


@pytest.mark.parametrize(("name", "total"), KNOWN.items())
def test_known_counts(name: str, total: int) -> None:
    assert count(spec_of(name)).total == total


@pytest.mark.parametrize(
    ("stated", "least", "most"),
    [
        ("125M", 124_500_000, 125_500_000),
        ("110M", 105_000_000, 115_000_000),
        ("1.5B", 1_450_000_000, 1_550_000_000),
        ("175.0B", 174_950_000_000, 175_050_000_000),
        ("1,558M", 1_557_500_000, 1_558_500_000),
        ("~66 M", 65_500_000, 66_500_000),
        ("124439808", 124_439_808, 124_439_808),
    ],
)
def test_rounding_of_published_figures(stated: str, least: int, most: int) -> None:
    assert interval(stated) == (least, most)
    assert agrees(stated, least)
    assert agrees(stated, most)
    assert not agrees(stated, least - 1)
    assert not agrees(stated, most + 1)


@pytest.mark.parametrize("text", ["undisclosed", "", "M", "1.2.3B", "12X"])
def test_what_is_no_figure(text: str) -> None:
    assert interval(text) is None


def test_a_wrong_figure_needs_an_erratum() -> None:
    found = entry("roberta")
    base = found.sizes["base"]
    assert base.stated
    wrong = replace(found, sizes={"base": replace(base, stated=replace(base.stated, value="130M"))})
    assert check_size(wrong, "base").result == "stated differs"
    erratum = OwnErratum("base", "130M", 124_645_632, "A test.", "liu2019roberta", "here")
    assert check_size(replace(wrong, errata_own=(erratum,)), "base").result == "agrees, erratum on the stated"


def test_the_verb_lists_every_size() -> None:
    done = bestiary("verify bart gpt-2:xl")
    rows = table(done.out)
    assert (done.code, done.err) == (0, "4 sizes, none in disagreement\n")
    assert list(rows[0]) == ["size", "closed form", "built", "stated", "result"]
    assert [row["size"] for row in rows] == ["bart:base", "bart:large", "bart:tiny", "gpt-2:xl"]
    assert list(rows[-1].values())[1:4] == ["1557611200", "1557611200", "1558M"]


def test_the_verb_exits_with_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bestiary.cli.verify.check_size", lambda found, size: Check(size, 1, 2, None, "built differs"))
    done = bestiary("verify --all", terminal=True)
    assert done.code == 1
    assert "built differs" in done.out
    assert f"{len(NAMES)} sizes, {len(NAMES)} in disagreement" in done.err
    checks = json.loads(bestiary("verify gpt:base --json").out)
    assert checks == [{"size": "base", "closed_form": 1, "built": 2, "stated": None, "result": "built differs"}]
