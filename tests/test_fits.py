"""``bestiary fits`` and the plans of ``bestiary size``: what fits, what is left, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import bestiary, table

import bestiary as package
from bestiary.cli import plans as kept_plans
from bestiary.cli.budget import TASKS, Tokens, parse_bytes
from bestiary.cli.fits import _last
from bestiary.errors import BestiaryError
from bestiary.sizing import GPU_MEMORY, GPUS, gpu, memory, plan
from bestiary.sizing import TASKS as PLANNED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "plans"))  # one for all tests here


def test_what_fits_is_what_plans_say() -> None:
    done = bestiary("fits --memory 24GB --context 1k --json")
    assert done.code == 0
    found = {row["model"]: row for row in json.loads(done.out)}
    assert list(found) == sorted(found, key=lambda name: (-found[name]["parameters"], name))
    assert "llama:13b" not in found
    llama = found["llama:7b"]
    spec = package.spec("llama:7b")
    assert llama["takes"] == memory(spec, context=1024).total
    assert llama["left"] == 24 * 10**9 - llama["takes"]
    for name, number in (("batch", llama["batch"]), ("context", llama["context"])):
        there = {"context": 1024, "batch": 1, name: number}
        assert memory(spec, **there).total <= 24 * 10**9
        assert memory(spec, **(there | {name: number + 1})).total > 24 * 10**9


def test_every_size_is_listed_or_accounted_for() -> None:
    done = bestiary("fits --memory 100TB --task train --context 64 --json")
    listed = len(json.loads(done.out))
    unknown = int(done.err.split("for ")[1].split()[0])
    sizes = kept_plans.plans("train")
    assert listed == sum(one.plan.complete for one in sizes)
    assert listed + unknown == len(sizes)


def test_models_that_read_fewer_tokens_are_left_out() -> None:
    done = bestiary("fits gpt-2* --memory 24GB --context 1k")
    assert "gpt-2:xl" in {row["model"] for row in table(done.out)}
    done = bestiary("fits gpt-2 --memory 24GB --context 2k")
    assert done.code == 1
    assert "4 sizes read fewer than 2,048 tokens" in done.err
    assert "no model fits" in done.err


def test_filters_choose_models() -> None:
    done = bestiary("fits *bert* --memory 24GB --form encoder --since 2019-07")
    names = {row["model"].split(":")[0] for row in table(done.out)}
    assert "roberta" in names
    assert "bert" not in names
    assert "llama" not in names


def test_a_gpu_goes_by_many_names() -> None:
    assert gpu("rtx 4090") == gpu("NVIDIA GeForce RTX-4090") == gpu("4090")
    assert gpu("h100").memory == 80 * 10**9
    with pytest.raises(BestiaryError, match="say A100 40GB or A100 80GB"):
        gpu("a100")
    with pytest.raises(BestiaryError, match="did you mean"):
        gpu("rtx 4091")
    assert bestiary("fits llama", "--gpu", "rtx 4090").out == bestiary("fits llama --memory 24GB").out
    assert len(GPUS) == len(GPU_MEMORY) >= 15
    assert all(one.source and one.gigabytes >= 8 for one in GPUS)
    names = [name.lower() for one in GPUS for name in (one.name, *one.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("fits", ("--gpu 'rtx 4090'",)),
        ("fits --gpu t4 --memory 16GB", ("leave one out",)),
        ("fits --gpu voodoo", ("voodoo", "known are")),
        ("fits --memory 24GB --context 8q", ("8q", "8192 or 8k")),
        ("fits --memory 24GB --precision int5", ("int5", "did you mean")),
        ("fits --memory 24GB --precision int4 --task train", ("int4", "to train")),
        ("size llama:7b --task serving", ("serving", "qlora")),
        ("size llama:7b --task lora --rank 0", ("--rank",)),
    ],
)
def test_bad_usage_is_one_sentence(command: str, words: tuple[str, ...]) -> None:
    done = bestiary(command)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert all(word in done.err for word in words)


def test_tokens_are_counted_in_thousands_of_1024() -> None:
    assert Tokens().convert("8k", None, None) == 8192
    assert Tokens().convert("128K", None, None) == 131072
    assert Tokens().convert("77", None, None) == 77
    for wrong in ("k", "8kk", "-1", "0", "1.5k", "٨"):
        with pytest.raises(click.UsageError):
            Tokens().convert(wrong, None, None)


def test_bytes_are_read_and_gpus_known() -> None:
    assert parse_bytes("24GB") == 24 * 10**9
    assert parse_bytes("16GiB") == 2**34
    assert parse_bytes("rtx 4090") == parse_bytes("24 gb")
    with pytest.raises(BestiaryError, match="write 24GB"):
        parse_bytes("lots")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9, 1000, 1023, 1024])
def test_the_last_that_fits(limit: int) -> None:
    assert _last(lambda number: number <= limit, 1, 2**40) == limit
    assert _last(lambda number: number <= limit, 1, 1024) == limit
    assert _last(lambda number: True, 1, limit) == limit
    assert _last(lambda number: True, 1, 2**40) is None


@pytest.mark.parametrize("task", TASKS)
def test_size_prints_the_lines_of_a_plan(task: str) -> None:
    answer: dict[str, Any] = json.loads(bestiary(f"size gpt-2 --task {task} --context 512 --batch 2 --json").out)
    made = plan(package.spec("gpt-2"), task)
    assert {line["name"]: line["bytes"] for line in answer["lines"]} == made.bytes(context=512, batch=2)
    assert answer["total"] == sum(line["bytes"] for line in answer["lines"])
    assert answer["complete"]
    assert set(TASKS) == set(PLANNED)


def test_size_says_why() -> None:
    done = bestiary("size llama:7b --why --context 2k --precision int4")
    assert "32 attentions keep a key and a value of 32 heads, 128 numbers each" in done.out
    assert "262,144 x batch x context x number" in done.out
    trained = bestiary("size llama:7b --task train --context 2k --why").out
    assert "master weights\tA copy in float32" in trained
    assert "checkpointing x" not in trained  # its value is known by then
    assert "activations between layers" in bestiary("size llama:7b --task train --checkpointing").out


def test_size_judges_a_gpu() -> None:
    done = bestiary("size llama:7b --task train --context 2k", "--gpu", "h100")
    assert done.code == 1
    assert "does not fit" in done.err
    done = bestiary("size llama:7b --task qlora --context 2k", "--gpu", "rtx 4090")
    assert done.code == 0
    assert "llama:7b fits" in done.err
    unknown = bestiary("size swin --task train --gpu t4 --json")
    assert json.loads(unknown.out)["fits"] is None
    assert unknown.code == 0
    assert bestiary("size palm:540b", "--gpu", "mi300x").code == 1


def test_plans_are_kept_and_made_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kept_plans, "_slugs", lambda: ["gpt-2"])
    first = kept_plans.plans("serve")
    (file,) = (tmp_path / "bestiary").iterdir()
    monkeypatch.setattr(kept_plans, "_made", lambda slug, task: pytest.fail("it was kept"))
    assert kept_plans.plans("serve") == first
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kept_plans, "_slugs", lambda: ["gpt-2"])
    file.write_bytes(b"{")
    assert kept_plans.plans("serve") == first
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
    assert kept_plans.plans("serve") == first


def test_a_plan_comes_back_from_json() -> None:
    for name in ("llama:7b", "t5", "swin"):
        for task in PLANNED:
            made = plan(package.spec(name), task)
            assert type(made).from_json(json.loads(json.dumps(made.to_json()))) == made
