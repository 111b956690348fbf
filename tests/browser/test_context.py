"""The build context in a real JupyterLab: a tree in which what is left out says by which pattern."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Lab, Open

FILES = {
    "site/Dockerfile": "FROM busybox\nCOPY src /srv\nCOPY notes.log /notes\n",
    "site/.dockerignore": "# what nobody needs\n*.log\nnode_modules\n!keep.log\n",
    "site/src/index.html": "<h1>hello</h1>\n",
    "site/src/deep/er/file": "x" * 4985,
    "site/notes.log": "n" * 300,
    "site/keep.log": "k",
    "site/node_modules/big/lib.js": "j" * 70_000,
}


@pytest.fixture
def site(lab: Lab) -> None:
    for name, text in FILES.items():
        path = lab.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(("width", "dark", "language"), [(1000, False, "en"), (400, True, "ko")])
def test_what_is_left_out_is_grey_and_names_its_pattern(
    notebook: Open, photograph: Callable[[Any, str], None], width: int, dark: bool, language: str
) -> None:
    one = notebook("%context site", width=width, dark=dark, language=language)
    picture = one.widget(1)
    tree = picture.get_by_role("tree")
    modules = tree.get_by_role("treeitem", name="node_modules")
    modules.wait_for(timeout=BUSY)
    label = modules.get_attribute("aria-label")
    assert ".dockerignore:3" in label and "node_modules" in label and "70kB" in label and "dl-dim" in modules.get_attribute("class")
    assert modules.get_attribute("aria-expanded") is None
    assert "dl-dim" not in tree.get_by_role("treeitem", name="keep.log").get_attribute("class")
    tree.get_by_role("treeitem", name="src").click()
    tree.get_by_role("treeitem", name="index.html").wait_for(timeout=BUSY)
    taken = picture.locator(".dl-taken li").all_inner_texts()
    assert len(taken) == 2 and "COPY src /srv" in taken[0] and "5kB" in taken[0] and "notes.log" in taken[1]
    photograph(picture, f"context-{width}-{'dark' if dark else 'light'}-{language}")
    assert picture.evaluate("element => element.scrollWidth <= element.clientWidth"), "nothing sticks out"


def test_the_notebooks_own_folder_goes_without_the_notebook(notebook: Open) -> None:
    picture = notebook("%context").widget(1)
    picture.get_by_role("treeitem", name="dockerlab itself").first.wait_for(timeout=BUSY)
