"""What models of images brought, against slow derivations from the papers."""

from __future__ import annotations

import math

import pytest
import torch
from small_specs import IMAGE
from torch import Tensor

from bestiary import nn, spec
from bestiary.architectures import make
from bestiary.errors import BestiaryError
from bestiary.nn.scores import score_position
from bestiary.sizing import count


def test_sines_of_a_grid_are_those_of_each_place() -> None:
    model = nn.build(make("mae", **IMAGE), seed=0)
    table, side, dim = model.state_dict()["embed.position.weight"], 3, 24
    assert table.shape == (side**2 + 1, dim)
    assert not table[0].any()
    for row in range(side):
        for column in range(side):
            expected: list[float] = []
            for place in (column, row):  # the published code has columns first
                angles = [place / 10000 ** (k / (dim / 4)) for k in range(dim // 4)]
                expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            assert torch.allclose(table[1 + row * side + column], torch.tensor(expected), atol=1e-7)


def test_a_bias_of_offsets_knows_rows_from_columns_and_the_first_token() -> None:
    node = spec.GridBias(3)
    module = score_position(node, 2)
    module.weight.data = torch.arange(module.weight.numel(), dtype=torch.float32).view_as(module.weight)
    context = nn.Context(torch.arange(10)[None], 10)
    found = module(torch.zeros(1, 2, 10, 4), torch.zeros(1, 2, 10, 4), context)[0]
    rows = len(module.weight)
    assert rows == 5 * 5 + 3
    for query in range(10):
        for key in range(10):
            if query and key:
                down, right = (query - 1) // 3 - (key - 1) // 3, (query - 1) % 3 - (key - 1) % 3
                row = (down + 2) * 5 + right + 2
            else:
                row = rows - 1 if query == key else rows - 3 if query == 0 else rows - 2
            assert found[:, query, key].equal(module.weight[row])


def deep(drop_path: float, training: bool) -> tuple[Tensor, Tensor]:
    """Run 400 equal images through layers that may be skipped; return the patches that entered, and what came out."""
    model = nn.build(make("beit", **IMAGE, drop_path=drop_path, pool="first"), seed=0)
    model.stack.norm = None
    model.train(training)
    torch.manual_seed(0)
    pixels = torch.randn(1, 3, 12, 12).expand(400, -1, -1, -1)
    return model.embed(pixels), model(pixels).last_hidden_state


def test_branches_are_skipped_by_whole_samples_ever_more_often_with_depth() -> None:
    _, still = deep(0.5, training=False)
    assert still.std(0).max() < 1e-6
    entered, moved = deep(0.5, training=True)
    kinds = torch.unique(moved.flatten(1).round(decimals=4), dim=0)
    assert 4 < len(kinds) <= 16  # two branches of the second layer, two of the third, each taken or not
    # None of the first layer is ever skipped, so nobody leaves as it came.
    assert (moved - entered).flatten(1).abs().amax(1).min() > 1e-4
    mean = (moved - entered).mean(0)
    assert (mean - (still - entered)[0]).abs().max() < 0.2 * (still - entered)[0].abs().max()


def test_a_learned_scale_begins_where_it_is_told_to() -> None:
    model = nn.build(make("beit", **IMAGE, scale=0.25), seed=0)
    state = model.state_dict()
    assert state["stack.layers.2.attn_scale"].equal(torch.full((24,), 0.25))
    assert state["stack.layers.0.mlp_scale"].equal(torch.full((24,), 0.25))
    doubled = nn.build(make("beit", **IMAGE, scale=0.5), seed=0)
    assert not doubled(torch.ones(1, 3, 12, 12)).logits.equal(model(torch.ones(1, 3, 12, 12)).logits)


def test_unread_patches_change_nothing_but_what_is_told_of_them() -> None:
    model = nn.build(make("mae", **IMAGE), seed=0)
    pixels, noise = torch.randn(1, 3, 12, 12), torch.arange(9.0)[None]
    out = model(pixels, noise=noise)
    assert out.last_hidden_state.shape == (1, 3, 24)  # a first token, and two patches of nine
    assert out.mask.tolist() == [[0, 0, 1, 1, 1, 1, 1, 1, 1]]
    changed = pixels.clone()
    changed[..., 8:, :] += 1  # the last row of patches
    assert model(changed, noise=noise).logits.equal(out.logits)
    changed[..., :4, :4] += 1  # the first patch
    assert not model(changed, noise=noise).logits.equal(out.logits)


def test_pixels_that_fill_no_patch_are_not_read() -> None:
    whole, more = (nn.build(make("vit", **IMAGE | {"image": image}), seed=0) for image in (12, 14))
    assert count(more.spec).total == count(whole.spec).total
    pixels = torch.randn(2, 3, 14, 14)
    expected = whole(pixels[..., :12, :12]).last_hidden_state
    assert more(pixels).last_hidden_state.equal(expected)
    with pytest.raises(BestiaryError, match=r"reads .batch, 3, 14, 14.: resize the image first"):
        more(pixels[..., :12, :12])


@pytest.mark.parametrize(("kind", "size", "fits"), [("vit", 16, False), ("dinov2", 16, True), ("dinov2", 3, False)])
def test_images_of_other_sizes_are_for_grids_that_stretch(kind: str, size: int, fits: bool) -> None:
    sizes = {**IMAGE} if kind == "vit" else {"dim": 24, "depth": 2, "heads": 4, "image": 12, "patch": 4}
    model = nn.build(make(kind, **sizes), seed=0)
    if fits:
        assert model(torch.zeros(1, 3, size, 2 * size)).last_hidden_state.shape == (1, 33, 24)
    else:
        with pytest.raises(BestiaryError, match="resize the image first"):
            model(torch.zeros(1, 3, size, size))
