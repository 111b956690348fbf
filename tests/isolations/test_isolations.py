"""Tests of every room once more, by others than who runs the suite, and where the machine refuses more; the table of them is printed at the end."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.isolations.beside import played
from tests.isolations.fixtures import not_here
from tests.isolations.places import ISOLATIONS, Place
from tests.isolations.played import PLAYED
from tests.isolations.playing import Failed, play
from tests.isolations.refusals import REFUSALS
from tests.isolations.table import TABLE, Table
from tests.parts import ROOT

ROWS = [(name, room) for name, rooms in PLAYED.items() for room in rooms]


@pytest.mark.slow
@pytest.mark.played_beside
@pytest.mark.parametrize(("name", "room"), ROWS)
def test_a_room_passes_there_too(name: str, room: str, own: str) -> None:
    if name == own:
        pytest.skip("that is what this run itself is in")
    found = played(name, room)
    if found.not_here:
        not_here(name, own, found.not_here, found.remedy)
    TABLE.choose(name, found.chosen)
    TABLE.add(name, room, found.counts)
    assert not found.failed, found.failed


def test_every_isolation_is_played_in_but_the_suites_own() -> None:
    assert set(PLAYED) == set(ISOLATIONS) - {"root"}


@pytest.mark.parametrize("place", ["user-with-a-range"], indirect=True)
def test_a_user_of_a_range_may_map_it(place: Place) -> None:
    """Whoever has a range gets its IDs from newuidmap; nobody's own files say so, before and after."""
    before = [Path(name).read_bytes() for name in ("/etc/subuid", "/etc/subgid") if Path(name).exists()]
    mapped = place.run("unshare", "--user", "--map-root-user", "--map-auto", "cat", "/proc/self/uid_map")
    assert mapped.returncode == 0, mapped.stderr
    assert "100000" in mapped.stdout.split() and len(mapped.stdout.splitlines()) == 2
    assert before == [Path(name).read_bytes() for name in ("/etc/subuid", "/etc/subgid") if Path(name).exists()]


MODULE = """
import os
import pytest

def test_passes():
    assert os.environ["WORD"] == "given"

@pytest.mark.parametrize("number", [1, 2])
def test_is_skipped(number, tmp_path):
    pytest.skip(f"{tmp_path.parts[:3]} is no place")

def test_fails():
    assert 1 == 2
"""


@pytest.mark.parametrize("place", ["user-in-a-pod"], indirect=True)
def test_what_fails_there_fails_here_and_is_in_the_table(place: Place) -> None:
    module = place.folder / "test_some.py"
    module.write_text(MODULE)
    table, name = Table(), place.isolation.name
    with pytest.raises(Failed, match="assert 1 == 2") as failed:
        play(place, {str(module): ""}, WORD="given")
    table.add(name, "some", failed.value.counts)
    table.add(name, "other", play(place, {str(module): "passes"}, WORD="given"))
    with pytest.raises(Failed, match="deselected"):
        play(place, {str(module): "nosuch"})
    table.choose(name, ("proot", "single", "unshare was refused"))
    table.miss("root", "needs root")
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.lines()][2:] == [
        ["root", "not here", "–", "–"],
        ["ordinary user, namespaces and mounts refused", "`proot`, single", "1", "1 (2) and 1 failed"],
    ]
    assert table.reasons() == [
        "- root: needs root",
        "- ordinary user, namespaces and mounts refused, some: 2 × ('/', 'var', 'tmp') is no place",
        "- ordinary user, namespaces and mounts refused, some: 1 × test_some::test_fails",
    ]
    assert "unshare was refused" in table.page() and "| root " in table.page()


def named_in(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("isolation", REFUSALS)
def test_what_can_not_be_had_there_is_the_name_of_a_test(isolation: str) -> None:
    for reasons in REFUSALS[isolation]:
        for path, names in reasons.items():
            assert {name.partition("[")[0] for name in names} <= named_in(ROOT / "tests" / path), path


def test_what_is_played_is_there() -> None:
    assert [path for rooms in PLAYED.values() for tests in rooms.values() for path in tests if not (ROOT / path).exists()] == []
