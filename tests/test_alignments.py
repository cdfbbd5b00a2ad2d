"""Alignments from files, features of them by hand, structures written out, and runs that fold."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch
from command_line import bestiary as run

import bestiary
from bestiary.data.proteins import drawing, features_of, parse_alignment, pdb, read_alignment
from bestiary.data.proteins.features import corrupted, model_inputs
from bestiary.data.proteins.structures import color_of
from bestiary.errors import BestiaryError
from bestiary.nn.atoms import tables
from bestiary.residues import chemistry

A3M = """# a comment
>target
MKTA
YI
>one
MKaaTA-I
>two
--TAYIgg
>one again
MKaaTA-I
"""


def test_an_a3m_is_read() -> None:
    found = parse_alignment(A3M)
    letters = f"{chemistry().letters}X-"
    rows = ["".join(letters[number] for number in row) for row in found.letters.tolist()]
    assert rows == ["MKTAYI", "MKTA-I", "--TAYI", "MKTA-I"]
    assert found.deletions.tolist() == [[0] * 6, [0, 0, 2, 0, 0, 0], [0] * 6, [0, 0, 2, 0, 0, 0]]
    assert (found.names, found.target) == (("target", "one", "two", "one again"), "MKTAYI")
    assert parse_alignment("BJOUZX").target == "DXXCEX"  # as alignments have always been read
    assert parse_alignment("MK\nTA").target == "MKTA"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nMKTA\n>b\nMKT", r"row 2 \('b'\) has 3 aligned residues, but the target has 4; align every row"),
        (">a\nMK1A", r"row 1 \('a'\) has '1' at place 3, which is no amino acid; write its letter"),
        (">a\nMK\x1bA", r"has '\\x1b' at place 3"),
        (">a\nMK-A", "the target, the first row, has gaps or small letters"),
        (">a\nMKnaA", "the target, the first row, has gaps or small letters"),
        ("", "holds no sequence; write one letter"),
        (">a\n>b\nMK", "the target is empty"),
        ("M" * 10_001, "10,001 residues, more than the 10,000 allowed"),
        (">a\nM\n" + ">b\nM\n" * 100_000, "more than 100,000 rows; give the closest ones"),
    ],
)
def test_what_is_no_alignment_is_refused_in_one_sentence(text: str, message: str) -> None:
    with pytest.raises(BestiaryError, match=message) as caught:
        parse_alignment(text)
    assert "\n" not in str(caught.value)


def test_files_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "page.a3m").write_text("<!doctype html>")
    with pytest.raises(BestiaryError, match="is a web page"):
        read_alignment(tmp_path / "page.a3m")
    (tmp_path / "binary.a3m").write_bytes(b">a\nMK\xff")
    with pytest.raises(BestiaryError, match=r"no text in ASCII \(byte 5\)"):
        read_alignment(tmp_path / "binary.a3m")
    with pytest.raises(BestiaryError, match="cannot be opened"):
        read_alignment(tmp_path / "missing.a3m")
    (tmp_path / "good.a3m").write_text(A3M)
    assert read_alignment(tmp_path / "good.a3m").target == "MKTAYI"
    huge = tmp_path / "huge.a3m"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(BestiaryError, match="more than the 536,870,912 that are read"):
        read_alignment(huge)


def test_features_by_hand() -> None:
    found = features_of(parse_alignment(A3M), rows=2, extra=5, masked=0.0)
    assert found["aatype"].tolist() == [[12, 11, 16, 0, 18, 9]]
    assert found["msa_feat"].shape == (1, 2, 6, 49)
    assert found["extra_msa_feat"].shape == (1, 1, 6, 25)  # a row that stands twice is read once
    drawn = found["msa_feat"][0, 1, :, :23].argmax(-1).tolist()
    other = found["extra_msa_feat"][0, 0, :, :23].argmax(-1).tolist()
    one, two = [12, 11, 16, 0, 21, 9], [21, 21, 16, 0, 18, 9]
    assert sorted((drawn, other)) == sorted((one, two))
    # Both others agree with the target in more residues than with each other, so it is alone to have a neighborhood.
    profile = found["msa_feat"][0, 0, :, 25:48]
    assert profile.sum(-1).tolist() == [1.0] * 6
    assert profile[2, 16] == 1
    assert profile[0, 12] == (1.0 if other == one else 0.5)
    deleted = math.atan(2 / 3) * 2 / math.pi
    if drawn == one:
        torch.testing.assert_close(
            found["msa_feat"][0, 1, :, 23:25], torch.tensor([[0, 0], [0, 0], [1, deleted]] + [[0.0, 0]] * 3)
        )
    assert found["bert_mask"].sum() == 0
    assert set(model_inputs(found)) == {"aatype", "msa_feat", "extra_msa_feat"}


def test_residues_are_masked_in_the_published_shares() -> None:
    generator = torch.Generator().manual_seed(0)
    letters = torch.full((200, 100), 4)
    profile = torch.zeros(100, 23, dtype=torch.float64)
    profile[:, 7] = 1
    drawn = corrupted(letters, profile, 0.15, generator)
    shares = {name: (drawn == number).float().mean().item() for name, number in (("mask", 22), ("column", 7))}
    assert abs(shares["mask"] - 0.15 * 0.7) < 0.005
    assert abs(shares["column"] - 0.15 * 0.105) < 0.003  # and a twentieth of what is drawn from all
    assert torch.equal(corrupted(letters, profile, 0.0, generator), letters)


def test_structures_are_written() -> None:
    aatype, has = [0, 7, 20], tables(torch.float64).has[torch.tensor([0, 7, 20])]
    text = pdb(aatype, torch.arange(333.0).view(3, 37, 3), has, torch.tensor([91.5, 30.0, 0.0]), "a title")
    lines = text.splitlines()
    assert lines[0] == "TITLE     a title"
    assert lines[1] == "ATOM      1  N   ALA A   1       0.000   1.000   2.000  1.00 91.50           N"
    assert [line[12:16].strip() for line in lines[1:10]] == ["N", "CA", "C", "CB", "O", "N", "CA", "C", "O"]
    assert lines[-2:] == ["TER", "END"]
    assert [color_of(value) for value in (95.0, 70.0, 0.0)] == ["#0053d6", "#ffdb13", "#ff7d45"]
    turns = torch.arange(20.0)
    helix = torch.stack((2.3 * torch.cos(1.745 * turns), 2.3 * torch.sin(1.745 * turns), 1.5 * turns), dim=-1)
    drawn = ET.fromstring(drawing(helix, torch.linspace(20, 99, 20), "a <helix>"))
    shapes = [child.tag.rpartition("}")[2] for child in drawn.iter()]
    assert (shapes.count("line"), shapes.count("circle")) == (19, 21)
    flat = drawing(torch.zeros(2, 3), torch.zeros(2), "two at one place")  # even what has no shape is drawn
    assert "nan" not in flat


def test_run_folds_a_sequence(tmp_path: Path) -> None:
    out = tmp_path / "fold.pdb"
    answer = json.loads(run("run alphafold:tiny MKTAYIAKQR --json --out", str(out)).out)
    (result,) = answer["results"]
    assert (answer["job"], result["sequence"], len(result["plddt"])) == ("fold", "MKTAYIAKQR", 10)
    assert "untrained" in answer["weights"]
    assert out.read_text().count(" CA ") == 10
    shown = run("run alphafold:tiny MKTAYIAKQR --out", str(tmp_path / "fold.svg"))
    assert "MKTAYIAKQR" in shown.out
    assert "untrained" in (tmp_path / "fold.svg").read_text()


def test_features_that_are_no_numbers_are_refused() -> None:
    model = bestiary.build("alphafold:tiny", seed=0)
    features = model_inputs(features_of(parse_alignment("MKTAYI")))
    features["msa_feat"][0, 0, 0, 0] = float("nan")
    with pytest.raises(BestiaryError, match="no finite numbers"):
        model(**features)
    with pytest.raises(BestiaryError, match="1,000,000 rows, more than the 16,384"):
        model(features["aatype"], torch.zeros(1, 1, 6, 49).expand(1, 1_000_000, 6, 49))
