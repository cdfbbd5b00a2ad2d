"""Pictures as codes: the dVAE against its description and a published copy, masks against loops, codes by the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import bestiary as command
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from transformers import FlavaImageCodebook, FlavaImageCodebookConfig

import bestiary
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.generate import Sampling, write_codes
from bestiary.nn import build
from bestiary.nn.context import Context
from bestiary.nn.masks import self_mask
from bestiary.sizing import count, flops
from bestiary.sizing.memory import cache_bytes
from bestiary.spec import (
    Attention,
    Causal,
    GainBlock,
    PictureColumn,
    PictureRow,
    PictureWindow,
    check,
    flat,
    from_json,
    swap,
    to_json,
)

CLOSE = 1e-10
PICTURES: dict[str, Any] = {
    "architecture": "dvae", "width": 16, "blocks": 2, "codes": 20, "size": 32, "widths": [1, 2, 4, 8], "first": 6,
}  # fmt: skip
SIZES: dict[str, Any] = {"dim": 24, "depth": 6, "heads": 3, "image": PICTURES, "words": 30, "length": 7, "kernel": 3}
NODE: Any = make("dall_e", **SIZES)


def perturbed(node: Any) -> Any:
    model = build(node, seed=0).double().eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def writer() -> Any:
    return perturbed(NODE)


def conv(tensors: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    weight = tensors[f"{name}.weight"]
    return F.conv2d(x, weight, tensors[f"{name}.bias"], padding=weight.shape[-1] // 2)


def level(tensors: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Two blocks of the release: four convolutions, each behind a ReLU, times one over the square of all layers."""
    for cell in range(2):
        block, h = f"{name}.cells.{cell}.res", x
        for index in range(4):
            h = conv(tensors, f"{block}.convs.{index}", h.relu())
        x = (conv(tensors, f"{block}.shortcut", x) if f"{block}.shortcut.weight" in tensors else x) + h / 64
    return x


@torch.no_grad()
def test_pictures_become_words_and_words_pictures_as_the_paper_says(writer: Any) -> None:
    """By hand from appendix A: values kept from the ends, levels halved and doubled, places behind a sigmoid."""
    tensors = dict(writer.image.named_parameters())
    pictures = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    x = conv(tensors, "encoder.enter", pictures * 0.8 + 0.1)
    for index in range(4):
        x = level(tensors, f"encoder.levels.{index}", x)
        x = F.max_pool2d(x, 2) if index < 3 else x
    scores = conv(tensors, "enter", x.relu())
    answer = writer.image(pictures)
    assert (answer.logits - scores).abs().max() < CLOSE
    assert torch.equal(answer.codes, scores.argmax(1)) and len(answer.codes.unique()) > 2
    x = tensors["leave.weight"][:, :, 0, 0].T[answer.codes].movedim(-1, 1) + tensors["leave.bias"][:, None, None]
    for index in range(4):
        x = level(tensors, f"decoder.levels.{index}", x)
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3) if index < 3 else x
    told = conv(tensors, "decoder.leave", x.relu())
    found = writer.image.decode(F.one_hot(answer.codes, 20).movedim(-1, 1).double())
    assert (torch.cat((found.place, found.logspread), dim=1) - told).abs().max() < CLOSE
    assert (answer.sample - ((told[:, :3].sigmoid() - 0.1) / 0.8).clip(0, 1)).abs().max() < CLOSE
    assert torch.equal(writer.image.picture(answer.codes), answer.sample)


def theirs(name: str) -> str:
    """Name one of our encoder's parameters as the published copy does."""
    words = name.split(".")
    if words[0] == "enter":
        return f"blocks.output.conv.{words[1]}"
    if words[1] == "enter":
        return f"blocks.input.{words[2]}"
    group, cell, rest = int(words[2]) + 1, int(words[4]) + 1, words[6:]
    place = "id_path" if rest[0] == "shortcut" else f"res_path.path.conv_{int(rest[1]) + 1}"
    return f"blocks.group_{group}.group.block_{cell}.{place}.{rest[-1]}"


def test_the_encoder_equals_its_published_copy(writer: Any) -> None:
    config = FlavaImageCodebookConfig(hidden_size=16, vocab_size=20, freeze=False)
    reference = FlavaImageCodebook(config).double()
    ours = {name: value for name, value in writer.image.named_parameters() if name.startswith(("enter", "encoder"))}
    reference.load_state_dict({theirs(name): value.detach() for name, value in ours.items()}, strict=True)
    pictures = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    expected, found = reference(pictures * 0.8 + 0.1), writer.image.encode(pictures)
    assert (expected - found).abs().max() < CLOSE
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    gradients = torch.autograd.grad((found * weights).sum(), list(ours.values()))
    named = dict(reference.named_parameters())
    for name, gradient in zip(ours, gradients, strict=True):
        wanted = named[theirs(name)].grad
        assert wanted is not None and gradient.any(), name
        assert (wanted - gradient).abs().max() <= CLOSE * wanted.abs().max(), name
    assert sum(value.numel() for value in ours.values()) == reference.num_parameters()


def test_gradients_reach_the_encoder_through_shares_of_words(writer: Any) -> None:
    """Where training will relax words: shares in place of ones and zeros are decoded alike."""
    pictures = torch.rand(1, 3, 32, 32, dtype=torch.float64)
    told = writer.image.decode(writer.image.encode(pictures).softmax(1))
    parameters = list(writer.image.parameters())
    gradients = torch.autograd.grad(told.place.sum() + told.logspread.square().sum(), parameters)
    assert all(gradient.any() for gradient in gradients)


def seen(kind: str, query: int, key: int, start: int, side: int, kernel: int) -> bool:
    """Say by the paper's words whether a place sees another: figure 11 on a picture ``side`` wide."""
    if key > query:
        return False
    if key < start:
        return True
    if kind == "row":
        return query - key <= side  # back to the place above
    if kind == "column":
        return (query - start) % side == (key - start) % side
    half = kernel // 2
    offsets = ((down, right) for down in range(-half, half + 1) for right in range(-half, half + 1))
    return any(key - query == down * side + right for down, right in offsets)  # over the edge into the next row


@pytest.mark.parametrize("kind", ["row", "column", "window"])
@pytest.mark.parametrize(("start", "side", "kernel"), [(6, 4, 3), (3, 5, 5), (1, 6, 1)])
def test_masks_are_those_of_the_paper(kind: str, start: int, side: int, kernel: int) -> None:
    places = start + side**2
    row, column = PictureRow(start, side), PictureColumn(start, side)
    mask = {"row": row, "column": column, "window": PictureWindow(start, side, kernel)}[kind]
    expected = torch.tensor(
        [[seen(kind, query, key, start, side, kernel) for key in range(places)] for query in range(places)]
    )
    context = Context(torch.arange(places)[None], places)
    found = self_mask((Causal(), mask), context)
    assert found is not None and torch.equal(found[0, 0], expected)
    later = self_mask((Causal(), mask), Context(torch.tensor([[places - 1]]), places))
    assert later is not None and torch.equal(later[0, 0], expected[-1:])


def test_layers_look_row_column_row_row_and_last_into_a_square() -> None:
    masks = NODE.at("text.stack.layers[*].attn.mask")
    row, column = PictureRow(7, 4), PictureColumn(7, 4)
    assert [mask[1] for mask in masks] == [row, column, row, row, row, PictureWindow(7, 4, 3)]
    whole: Any = bestiary.spec("dall-e")
    names = [type(mask[1]).__name__ for mask in whole.at("text.stack.layers[*].attn.mask")]
    assert all((name == "PictureColumn") == (index % 4 == 2) for index, name in enumerate(names[:-1], start=1))
    assert names[-1] == "PictureWindow" and whole.at("text.stack.layers[-1].attn.mask")[1].kernel == 11


@torch.no_grad()
def test_a_caption_is_embedded_as_figure_10_draws_it(writer: Any) -> None:
    """What begins the text, words with places, what stands for padding by its place, then rows and columns."""
    embed, codes = writer.text.embed, torch.tensor([[3, 0, 19, 7, 2]])
    ids, mask = writer.arrange(torch.tensor([[5, 6, 8]]), torch.tensor([[1, 1, 0]]), codes)
    found: list[Tensor] = []
    hook = writer.text.stack.register_forward_pre_hook(lambda module, given: found.append(given[0]))
    writer(ids, mask)
    hook.remove()
    table, position = embed.tokens.weight, embed.position
    text = torch.stack((embed.starts[0], table[5], table[6])) + position.text[:3]
    picture = torch.stack((embed.starts[1], *table[codes[0] + 30]))
    picture = picture + position.rows[[0, 0, 0, 0, 1, 1]] + position.columns[[0, 1, 2, 3, 0, 1]]
    expected = torch.cat((text, embed.padding[3:7], picture))[None]
    assert (found[0] - expected).abs().max() < CLOSE


@torch.no_grad()
def test_codes_are_the_same_with_the_cache_and_without(writer: Any) -> None:
    texts = torch.tensor([[4, 9, 1], [2, 0, 0]])
    keep = torch.tensor([[1, 1, 1], [1, 0, 0]])
    codes = write_codes(writer, texts, keep, sampling=Sampling())
    assert codes.shape == (2, 4, 4)
    logits = writer(*writer.arrange(texts, keep, codes.flatten(1)[:, :-1])).logits
    assert logits.shape == (2, 7 + 16, 50)
    assert torch.equal(logits[:, 7:, 30:].argmax(-1), codes.flatten(1))
    alone = write_codes(writer, texts[1:, :1], sampling=Sampling())
    assert torch.equal(alone[0], codes[1])
    drawn = [write_codes(writer, texts, keep, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert writer.image.picture(codes).shape == (2, 3, 32, 32)


def test_gradients_reach_every_parameter_of_the_transformer(writer: Any) -> None:
    ids, mask = writer.arrange(torch.tensor([[4, 9, 1]]), codes=torch.arange(15)[None])
    parameters = dict(writer.text.named_parameters())
    logits = writer(ids, mask).logits
    gradients = torch.autograd.grad((logits * torch.randn_like(logits)).sum(), list(parameters.values()))
    unused = [name for name, one in zip(parameters, gradients, strict=True) if not one.any()]
    assert [name for name in unused if not name.endswith("k.bias")] == []


@pytest.mark.parametrize("node", [NODE, NODE.image], ids=["dall_e", "dvae"])
def test_parts_sum_to_what_is_built(node: Any) -> None:
    built = sum(parameter.numel() for parameter in build(node, device="meta").parameters())
    assert count(node).total == built
    assert from_json(to_json(node)) == node
    assert "argmax" in flat(node) or "codes = draw" in flat(node)


def test_the_published_sizes_count_as_stated() -> None:
    whole: Any = bestiary.spec("dall-e")
    assert round(count(whole).total / 1e9) == 12
    layers = sum(number for name, number in count(whole).parts.items() if name.startswith("text.stack.layers"))
    assert layers == 12_095_479_808
    assert count(whole.image).total == 97_616_006
    # Keys and values of 64 layers for 1,280 places, two bytes each.
    assert cache_bytes(whole, 1280, precision="bfloat16") == 64 * 2 * 3968 * 1280 * 2
    assert flops(whole).tokens == 1280


REFUSED = {
    "codes": (NODE.at("image.dim", 21), "told in 21 words, but the transformer writes 20"),
    "rows": (NODE.at("image.size", 64), "writes 4 rows of codes, but a picture's map has 8"),
    "place": (NODE.at("text.stack.layers[0].attn.mask", (Causal(), PictureRow(6, 4))), "start and side are 6, 4"),
    "kernel": (NODE.at("text.stack.layers[-1].attn.mask", (Causal(), PictureWindow(7, 4, 2))), "give an odd side"),
    "ahead": (NODE.at("text.stack.layers[0].attn.mask", (PictureRow(7, 4),)), "looks back only"),
    "channels": (NODE.at("image.decoder.out", 3), "two numbers are told for each of 3 channels"),
    "margin": (NODE.at("image.pixels.margin", 0.5), "between 0 and 0.5"),
    "halves": (NODE.image.at("encoder.levels[0].resample", None), "halves a picture 2 times, the decoder doubles it 3"),
    "sides": (swap(NODE.image, GainBlock, GainBlock((3, 2), 1.0)), "two or more odd sides"),
    "elsewhere": (
        swap(bestiary.spec("gpt-2:tiny"), Attention, lambda node: node.replace(mask=(PictureRow(1, 2),))),
        "embeds CaptionTokens",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused(case: str) -> None:
    node, sentence = REFUSED[case]
    with pytest.raises(BestiaryError, match=sentence):
        check(node)


def test_a_text_that_is_too_long_or_no_text_is_refused(writer: Any) -> None:
    for ids in (torch.zeros(1, 7, dtype=torch.long), torch.tensor([[30]])):
        with pytest.raises(BestiaryError, match="at most 6 tokens, each below 30"):
            write_codes(writer, ids)


def test_pickled_modules_are_refused_with_one_sentence(tmp_path: Path) -> None:
    """The dVAE was published as pickled modules, which run what their file says: nothing of them is opened."""
    torch.save(torch.nn.Linear(2, 2), tmp_path / "encoder.pkl")
    with pytest.raises(BestiaryError) as refused:
        bestiary.load(tmp_path / "encoder.pkl")
    assert "encoder.pkl" in str(refused.value) and str(refused.value).count("\n") == 0


def test_run_draws_a_text(tmp_path: Path) -> None:
    done = command(f"run dall-e:tiny --out {tmp_path / 'x.png'}", "a small cat")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size == (32, 32)
