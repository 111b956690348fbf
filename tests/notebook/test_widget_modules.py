"""The ES modules of the live pictures: types that hold, and one scope in which every name is there once."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dockerlab.notebook import widgets
from dockerlab.notebook.widgets.labels import labels
from dockerlab.notebook.widgets.modules import script
from tests.parts import missing

STATIC = Path(str(widgets.__file__)).parent / "static"
VIEWS = sorted(path.name for path in STATIC.glob("*.js") if "export default" in path.read_text())


def test_their_types_hold() -> None:
    if not shutil.which("tsc"):
        missing("TypeScript", "apt install node-typescript")
    done = subprocess.run(["tsc", "-p", str(STATIC / "jsconfig.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_one_module_that_imports_nothing(view: str) -> None:
    text = script(view)
    assert not re.search(r"^\s*(import|export (?!default))", text, re.MULTILINE) and text.count("export default { render };") == 1
    names = Counter(re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", text, re.MULTILINE))
    assert [name for name, count in names.items() if count > 1] == []


def test_there_is_more_than_one_view() -> None:
    assert {"layer_stack.js", "copy_on_write.js"} <= set(VIEWS)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_word_that_a_view_asks_for_is_there(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKERLAB_LANG", language)
    there = labels()
    used = {
        name
        for path in STATIC.glob("*.js")
        for pair in re.findall(r'words\.(\w+)|words\["([^"]+)"\]', path.read_text())
        for name in pair
        if name
    }
    assert used and used <= set(there), used - set(there)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # a name, no address
        assert "http://" not in text and "https://" not in text, path.name
