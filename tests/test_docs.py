"""What the documents show is true: examples give what they say, excerpts stand in their files, links lead somewhere."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bestiary import spec

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
LANGUAGE = ROOT / "docs" / "language.md"

BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def blocks(document: str) -> Iterator[tuple[str, str]]:
    """Yield the code blocks of a document, each with what stands behind its opening fence."""
    yield from BLOCK.findall((ROOT / document).read_text(encoding="utf-8"))


def session(code: str) -> str:
    """Return an example as doctest reads it, which ends an answer at a blank line."""
    return re.sub(r"\n\n(?!>>>)", "\n<BLANKLINE>\n", code.strip()) + "\n\n"


@pytest.mark.parametrize(
    "document", [name for name in DOCUMENTS if any(fence == "python" for fence, _ in blocks(name))]
)
def test_examples_give_what_they_say(document: str) -> None:
    examples = [code for fence, code in blocks(document) if fence == "python"]
    assert [code for code in examples if not code.startswith(">>> ")] == []
    text = "".join(map(session, examples))
    test = doctest.DocTestParser().get_doctest(text, {}, document, document, 0)
    report: list[str] = []
    # Remarks beside pseudo-code stand nearer on a page than on a terminal.
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    assert not report, "".join(report)
    assert runner.summarize(verbose=False).attempted > 0


@pytest.mark.parametrize("document", DOCUMENTS)
def test_excerpts_stand_in_their_files(document: str) -> None:
    """A fence such as ``toml src/.../roberta.toml`` names the file; a line of three dots leaves lines out."""
    for fence, code in blocks(document):
        _, _, path = fence.partition(" ")
        if path:
            source = (ROOT / path).read_text(encoding="utf-8")
            parts = re.split(r"^ *\.\.\.\n", code, flags=re.MULTILINE)
            assert [part for part in parts if part not in source] == [], path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    links = LINK.findall((ROOT / document).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / document).parent.joinpath(link).exists()] == []


def test_every_node_has_a_row() -> None:
    nodes = {kind for kind in vars(spec).values() if isinstance(kind, type) and issubclass(kind, spec.Node)}
    rows = set(re.findall(r"^\| `(\w+)\(", LANGUAGE.read_text(encoding="utf-8"), re.MULTILINE))
    # Nodes that others extend; all other classes with subclasses are kinds of nodes.
    extended = {spec.Attention, spec.RelativeAttention, spec.Tokens, spec.SharedTokens, spec.Rotary}
    extended |= {spec.BlankedTokens, spec.CrossAttention, spec.Contrast, spec.Patches, spec.WindowBias}
    extended |= {spec.MLP, spec.Normed}
    extended |= {spec.MaskedPatches, spec.PaddedPatches, spec.Tier}
    extended |= {spec.MLP, spec.Normed, spec.TextDiffusion, spec.TextUpscaler, spec.PictureUpscaler}
    extended |= {spec.MLP, spec.Normed, spec.TextDiffusion, spec.PaddedTokens}
    extended |= {spec.Stage, spec.MLPConnector}
    extended |= {spec.CrossWidthAttention, spec.JoinedAttention, spec.ResBlock, spec.ScaledResBlock, spec.ToldDiffusion}
    extended |= {spec.Transformer, spec.TanhGate}
    assert rows == {kind.__name__ for kind in nodes if not kind.__subclasses__() or kind in extended}
