"""Editors that run a kernel without a notebook server: VS Code says in a variable which notebook it is, as its Jupyter extension does before the first cell."""

from __future__ import annotations

import pytest

from tests.notebook.shown import html, shown
from tests.notebook.test_magics import Run, notebook  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("containers_run_here")
WIDGET = "application/vnd.jupyter.widget-view+json"


def test_in_vs_code_results_are_alive_and_have_their_still_picture_beside(notebook: Run) -> None:  # noqa: F811
    path = str(notebook.folder / "lesson.ipynb")  # type: ignore[attr-defined]
    _, stack, built = notebook(
        f"__vsc_ipynb_file__ = {path!r}", "%layers busybox", "%%dockerfile -t one:1\nFROM busybox\nCOPY . /here", JPY_SESSION_NAME=""
    )
    bundles = [output["data"] for output in stack.outputs if "data" in output]
    assert any(WIDGET in data and "text/html" in data and "text/plain" in data for data in bundles)
    assert "lesson.ipynb" in shown(built) and "<table" in html(built)


def test_a_kernel_that_nobody_says_anything_about_shows_still_pictures(notebook: Run) -> None:  # noqa: F811
    (stack,) = notebook("%layers busybox", JPY_SESSION_NAME="")
    assert not any(WIDGET in output.get("data", {}) for output in stack.outputs) and "<img" in html(stack)
