"""The rooms of the package: who may import whom, how large a module may be, what every module says of itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dockerlab"
ROOMS = ("errors", "oci", "dockerfile", "layers", "store", "runtime", "transfer", "build", "engine", "verbs", "course", "notebook", "cli")
EVERYWHERE = {"lazy", "distribution", "errors", "__init__"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    """Every dockerlab module that is imported at run time, in functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for other in node.orelse:
                yield from imports(other)
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dockerlab":
            yield from [node.module] if node.module != "dockerlab" else [f"dockerlab.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "dockerlab")
        yield from imports(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_from_rooms_above_its_own(path: Path) -> None:
    own = room_of(path)
    if own not in ROOMS:
        return
    for name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        room = parts[1] if len(parts) > 1 else ""
        if room in ROOMS and room not in EVERYWHERE:
            assert ROOMS.index(room) <= ROOMS.index(own), f"{own} imports {name}, which lies below it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_holds_one_idea_and_says_which(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)) or not text.strip()


def test_every_room_of_tests_is_played(pytestconfig: pytest.Config) -> None:
    """None has a name that pytest passes over by itself."""
    left_out = pytestconfig.getini("norecursedirs")
    rooms = {path.parent.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    assert "build" in rooms and [room for room in rooms if any(fnmatch(room, pattern) for pattern in left_out)] == []


def test_every_room_is_in_the_packages_readme() -> None:
    readme = (PACKAGE / "README.md").read_text()
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert [room for room in sorted(found) if f"`{room}/`" not in readme] == []
