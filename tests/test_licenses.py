"""What a model may be used for: its own terms, those it inherits by edge, and never a yes where something is secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_catalog import catalog_of, entry_text

from bestiary.catalog.index import packaged
from bestiary.catalog.licenses import PURPOSES, Answer, may
from bestiary.errors import BestiaryError

CLOSED = {"access": '"api-only"', "weights_license": '"none"', "code_license": '"none"'}
LLAMA = {"weights_license": '"LicenseRef-LLaMA-1"'}
NON_COMMERCIAL = {"weights_license": '"CC-BY-NC-4.0"'}


def data_terms(key: str) -> str:
    """Return the line that puts a license on a model's own data."""
    return f'data_license = {{ is = "{key}", from = "paper", at = "§1", sure = "stated" }}\n'


def output_terms(key: str) -> str:
    """Return the line that puts a license on what a model writes."""
    return data_terms(key).replace("data_license", "output_license")


def with_fact(text: str, fact: str) -> str:
    """Return an entry's text with one more fact."""
    return text.replace("[facts]\n", f"[facts]\n{fact}")


OWN = {
    "permissive": ({}, "yes yes yes yes"),
    "non-commercial": (NON_COMMERCIAL, "no conditional conditional yes"),
    "non-commercial code": ({"code_license": '"CC-BY-NC-4.0"'}, "no conditional conditional yes"),
    "LLaMA's": (LLAMA, "no conditional conditional yes"),
    "undisclosed weights": ({"weights_license": '"undisclosed"'}, "unknown unknown unknown unknown"),
    "undisclosed code": ({"code_license": '"undisclosed"'}, "unknown unknown unknown unknown"),
    "undisclosed code, closed weights": (
        NON_COMMERCIAL | {"code_license": '"undisclosed"'},
        "no unknown unknown unknown",
    ),
    "no code": ({"code_license": '"none"'}, "yes yes yes yes"),
    "published without a license": ({"weights_license": '"none"'}, "no no no no"),
    "never released": (CLOSED | {"access": '"unreleased"'}, "no no no no"),
    "a service with secret terms": (CLOSED, "unknown no no unknown"),
}


@pytest.mark.parametrize("case", OWN)
def test_own_terms_answer_each_purpose(tmp_path: Path, case: str) -> None:
    facts, expected = OWN[case]
    shelf = catalog_of(tmp_path, a=entry_text("Alpha", **facts))
    assert PURPOSES == ("commercial", "modify", "redistribute", "research")
    assert " ".join(may(shelf["a"], purpose, shelf).verdict for purpose in PURPOSES) == expected


def commercial_use_of_child(folder: Path, parent: str, edges: list[str], **facts: str) -> Answer:
    """Return whether a permissively licensed child of one parent may be used commercially."""
    shelf = catalog_of(folder, parent=parent, child=entry_text("Child", parents={"parent": edges}, **facts))
    return may(shelf["child"], "commercial", shelf)


INHERITED = {
    "the shape of a model binds nothing": (entry_text("P", **LLAMA), ["architecture", "successor"], "yes"),
    "weights": (entry_text("P", **LLAMA), ["weights"], "no"),
    "weights among other edges": (entry_text("P", **LLAMA), ["architecture", "weights"], "no"),
    "permissive weights": (entry_text("P"), ["weights"], "yes"),
    "weights under secret terms": (entry_text("P", weights_license='"undisclosed"'), ["weights"], "unknown"),
    "output under secret terms": (entry_text("P", weights_license='"undisclosed"'), ["distilled"], "unknown"),
    "weights without a license": (entry_text("P", weights_license='"none"'), ["weights"], "no"),
    "output of weights whose terms say nothing of it": (entry_text("P", **LLAMA), ["distilled"], "yes"),
    "its provider's own child of a closed model": (
        with_fact(entry_text("P", **CLOSED), output_terms("LicenseRef-OpenAI-Terms")), ["weights"], "yes"
    ),
    "data from a service": (
        with_fact(entry_text("P", **CLOSED), output_terms("LicenseRef-OpenAI-Terms")), ["data"], "conditional"
    ),
    "output of a service": (
        with_fact(entry_text("P", **CLOSED), output_terms("LicenseRef-OpenAI-Terms")), ["distilled"], "conditional"
    ),
    "data from a service with secret terms": (entry_text("P", **CLOSED), ["data"], "unknown"),
    "published data": (with_fact(entry_text("P"), data_terms("CC-BY-NC-4.0")), ["data"], "no"),
    "weights trained on such data": (with_fact(entry_text("P"), data_terms("CC-BY-NC-4.0")), ["weights"], "no"),
    "output of such weights": (with_fact(entry_text("P"), data_terms("CC-BY-NC-4.0")), ["distilled"], "yes"),
}  # fmt: skip


@pytest.mark.parametrize("case", INHERITED)
def test_terms_follow_the_edges_that_they_say_they_follow(tmp_path: Path, case: str) -> None:
    parent, edges, verdict = INHERITED[case]
    answer = commercial_use_of_child(tmp_path, parent, edges)
    assert answer.verdict == verdict, answer.reasons


def test_terms_come_down_through_generations_with_the_chain_of_reasons(tmp_path: Path) -> None:
    shelf = catalog_of(
        tmp_path,
        llama=entry_text("LLaMA", **LLAMA),
        middle=entry_text("Middle", parents={"llama": ["weights"]}),
        child=entry_text("Child", parents={"middle": ["weights"]}),
        pupil=entry_text("Pupil", parents={"middle": ["distilled"]}),
    )
    answer = may(shelf["child"], "commercial", shelf)
    assert answer.verdict == "no"
    assert answer.reasons[0] == (
        "Child starts from Middle (paper: §1), which starts from LLaMA (paper: §1), whose weights are under "
        "LicenseRef-LLaMA-1, which does not allow commercial use: non-commercial research only, on a request that Meta "
        "grants."
    )
    assert answer.conditions == ()
    assert may(shelf["pupil"], "commercial", shelf).verdict == "yes"


def test_data_bound_weights_hand_the_terms_on(tmp_path: Path) -> None:
    service = with_fact(entry_text("Service", **CLOSED), output_terms("LicenseRef-OpenAI-Terms"))
    shelf = catalog_of(
        tmp_path,
        service=service,
        tuned=entry_text("Tuned", parents={"service": ["data"]}),
        child=entry_text("Child", parents={"tuned": ["weights"]}),
    )
    answer = may(shelf["child"], "commercial", shelf)
    assert answer.verdict == "conditional"
    assert "Child starts from Tuned" in answer.reasons[0]
    assert "was trained on data of Service" in answer.reasons[0]
    assert answer.conditions[0] == "the output may not be used to develop models that compete with OpenAI"


def test_the_gravest_reason_comes_first_and_conditions_come_once(tmp_path: Path) -> None:
    shelf = catalog_of(
        tmp_path,
        a=entry_text("Alpha"),
        b=entry_text("Beta", parents={"a": ["weights"]}, weights_license='"undisclosed"'),
    )
    answer = may(shelf["b"], "commercial", shelf)
    assert answer.verdict == "unknown"
    assert answer.reasons[0] == "Beta's weights are under terms that are undisclosed."
    assert len(answer.reasons) == 3
    assert answer.conditions == ("keep the copyright and permission notice",)


@pytest.mark.parametrize("fact", ["code_license", "weights_license", "data_license", "output_license"])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_nothing_secret_is_ever_answered_with_yes(tmp_path: Path, fact: str, purpose: str) -> None:
    secret = f'{fact} = {{ is = "undisclosed", from = "paper", at = "§1", sure = "stated" }}\n'
    text = entry_text("P")
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith(fact)]
    parent = with_fact("".join(lines), secret)
    edges = ["distilled"] if fact == "output_license" else ["weights"]
    shelf = catalog_of(tmp_path, p=parent, child=entry_text("Child", parents={"p": edges}))
    asked = "p" if fact == "code_license" else "child"  # code is not inherited: a child has its own
    assert may(shelf[asked], purpose, shelf).verdict == "unknown"  # pyright: ignore[reportArgumentType]


def test_an_unknown_purpose_is_refused(tmp_path: Path) -> None:
    shelf = catalog_of(tmp_path, a=entry_text("Alpha"))
    with pytest.raises(BestiaryError, match=r"'comercial' is no purpose; .*did you mean 'commercial'"):
        may(shelf["a"], "comercial", shelf)  # pyright: ignore[reportArgumentType]


def test_alpaca_is_refused_for_commerce_by_every_term_that_binds_it() -> None:
    shelf = packaged()
    answer = may(shelf["alpaca"], "commercial")
    assert answer.verdict == "no"
    grave = [reason for reason in answer.reasons if "does not allow commercial use" in reason]
    assert any("starts from LLaMA" in reason and "LicenseRef-LLaMA-1" in reason for reason in grave)
    assert any("Alpaca's weights are under CC-BY-NC-4.0" in reason for reason in grave)
    assert any("text-davinci-003" in reason and "LicenseRef-OpenAI-Terms" in reason for reason in answer.reasons)
    assert may(shelf["alpaca"], "research").verdict == "yes"
    assert may(shelf["bert"], "commercial").verdict == "yes"
