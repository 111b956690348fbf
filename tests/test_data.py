"""Our dataclasses are the standard library's where we use them, and cost nothing until they are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dockerlab.data import asdict, dataclass, field, replace


@dataclass(frozen=True)
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


@dataclass
class Named(Point):
    name: str = field(default="none")

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, order=True)
class Version:
    major: int
    minor: int = 0


def test_fields_come_in_order_with_their_defaults() -> None:
    one = Point(1)
    assert (one.x, one.y, one.tags) == (1, 0, [])
    assert Point(1, 2, ["a"]) == Point(x=1, y=2, tags=["a"]) != Point(1, 2, ["b"])
    assert repr(one) == "Point(x=1, y=0, tags=[])"
    assert Point(1).tags is not Point(1).tags
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)  # type: ignore[call-arg]


def test_a_frozen_one_stays_as_it_is_and_can_be_a_key() -> None:
    one = Version(1)
    with pytest.raises(AttributeError, match="frozen"):
        one.major = 2  # type: ignore[misc]
    assert {one: "a"}[Version(1, 0)] == "a"
    assert replace(one, minor=3) == Version(1, 3) and one == Version(1)
    assert sorted([Version(2), Version(1, 5), Version(1)]) == [Version(1), Version(1, 5), Version(2)]
    assert one <= Version(1) and not one > Version(1)


def test_a_child_has_its_parents_fields_first_and_its_own_methods() -> None:
    one = Named(1, 2, ["t"], "me")  # type: ignore[misc]
    assert repr(one) == "me" and one.tags == ["t"]
    assert Named.__hash__ is None and one != Point(1, 2, ["t"])
    assert asdict(one) == {"x": 1, "y": 2, "tags": ["t"], "name": "me"}


def test_what_lies_inside_becomes_plain_too() -> None:
    @dataclass
    class Whole:
        parts: tuple[Point, ...]
        by_name: dict[str, Version]

    assert asdict(Whole((Point(1),), {"a": Version(1)})) == {
        "parts": ({"x": 1, "y": 0, "tags": []},),
        "by_name": {"a": {"major": 1, "minor": 0}},
    }


@pytest.mark.parametrize("verb", ["images", "ps", "version"])
def test_a_verb_does_not_import_what_is_slow(verb: str, tmp_path: object) -> None:
    script = f"import sys; from dockerlab.cli.main import main; main([{verb!r}]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"DOCKERLAB_HOME": f"{tmp_path}/home", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 0
    assert not {"dataclasses", "inspect", "secrets", "asyncio", "ipywidgets", "importlib.metadata", "tarfile"} & set(done.stderr.split())
