"""The lineage: edges by kind, shortest ways, descendants by age, and a tree that draws each model's branches once."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_catalog import catalog_of, entry_text

from bestiary.catalog import lineage
from bestiary.catalog.index import Catalog, packaged
from bestiary.errors import BestiaryError


@pytest.fixture
def family(tmp_path: Path) -> Catalog:
    """Return old -> left, right -> young -> last, where young has both in its lineage and last also comes from old."""
    return catalog_of(
        tmp_path,
        old=entry_text("Old", "2017-06-12"),
        right=entry_text("Right", "2018-10-11", {"old": ["architecture"]}),
        left=entry_text("Left", "2019-07-26", {"old": ["architecture", "successor"]}),
        young=entry_text("Young", "2020-01-01", {"left": ["weights"], "right": ["data", "distilled"]}),
        last=entry_text("Last", "2021-01-01", {"young": ["weights"], "old": ["data"]}),
        alone=entry_text("Alone", "2016-01-01"),
    )


def test_parents_and_children_carry_what_was_taken(family: Catalog) -> None:
    assert lineage.parents("young", catalog=family) == (
        ("young", "left", ("weights",)),
        ("young", "right", ("data", "distilled")),
    )
    assert lineage.parents("young", {"data"}, family) == (("young", "right", ("data",)),)
    children = lineage.children("old", catalog=family)
    assert [step.child for step in children] == ["right", "left", "last"]  # by date, not by name
    assert lineage.parents("old", catalog=family) == lineage.children("alone", catalog=family) == ()


def test_ancestors_come_nearest_first_by_the_shortest_way(family: Catalog) -> None:
    found = {relative.slug: relative.path for relative in lineage.ancestors("last", catalog=family)}
    assert list(found) == ["young", "old", "left", "right"]
    assert found["old"] == (("last", "old", ("data",)),)
    assert [(step.child, step.parent) for step in found["right"]] == [("last", "young"), ("young", "right")]


def test_edges_can_be_chosen(family: Catalog) -> None:
    slugs = [relative.slug for relative in lineage.ancestors("last", {"weights"}, family)]
    assert slugs == ["young", "left"]


def test_descendants_are_the_ancestors_seen_from_the_other_end(family: Catalog) -> None:
    for slug in family:
        below = {relative.slug for relative in lineage.descendants(slug, catalog=family)}
        above = {other for other in family if slug in {r.slug for r in lineage.ancestors(other, catalog=family)}}
        assert below == above


def test_a_tree_draws_the_branches_of_a_model_once(family: Catalog) -> None:
    tree = lineage.tree("old", catalog=family)

    def drawn(branch: lineage.Branch) -> list[str]:
        return [branch.slug + "*" * branch.repeated, *(name for part in branch.branches for name in drawn(part))]

    assert drawn(tree) == ["old", "right", "young", "last", "left", "young*", "last"]
    assert tree.edges == ()
    assert tree.branches[1].edges == ("architecture", "successor")


def test_roots_came_from_no_other(family: Catalog) -> None:
    assert lineage.roots(family) == ("alone", "old")


def test_an_unknown_model_gets_the_nearest(family: Catalog) -> None:
    for question in (lineage.parents, lineage.children, lineage.ancestors, lineage.descendants, lineage.tree):
        with pytest.raises(BestiaryError, match="no model 'yung'; did you mean 'young'"):
            question("yung", catalog=family)


def test_the_packaged_lineage_hangs_together() -> None:
    assert "transformer" in lineage.roots()
    above = [relative.slug for relative in lineage.ancestors("alpaca")]
    assert {"llama", "transformer"} <= set(above)
    assert len(lineage.ancestors("roberta")) < len(packaged())
