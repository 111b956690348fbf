"""JupyterLab and a browser for every test of the room, and notebooks opened there.

Screenshots go to $DOCKERLAB_SCREENSHOTS where that is set: they are made to be looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import BUSY, Lab, Notebook, browsing, opened, serving

__all__ = ["BUSY", "Lab", "Notebook", "Open"]
Open = Callable[..., Notebook]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, template_home: Path) -> Iterator[Lab]:
    with serving(tmp_path_factory.mktemp("lab"), template_home) as one:
        yield one


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with browsing() as one:
        yield one


@pytest.fixture
def notebook(lab: Lab, browser: Any, request: pytest.FixtureRequest) -> Iterator[Open]:
    """notebook("%layers busybox", width=400, dark=True, language="ko") opens one; errors in the browser's console fail the test.

    `app="notebook"` is Notebook 7 instead of JupyterLab.
    """
    contexts: list[Any] = []
    said: list[str] = []

    def new(*cells: str, width: int = 1000, height: int = 900, **more: Any) -> Notebook:
        name = re.sub(r"\W+", "-", request.node.name).strip("-") + f"-{len(contexts)}.ipynb"
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        contexts.append(context)
        if more.get("app") != "notebook":  # which has errors of its own, with or without us
            context.on("weberror", lambda error: said.append(str(error.error)))
        return opened(lab, context, name, cells, **more)

    yield new
    for context in contexts:
        for page in context.pages:
            page.evaluate("window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
        context.close()
    assert said == []


@pytest.fixture
def photograph(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """photograph(locator, "stack-400-dark") keeps a screenshot for who looks at them."""

    def take(what: Any, name: str) -> None:
        if folder := os.environ.get("DOCKERLAB_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            what.screenshot(path=f"{folder}/{name}.png")

    return take
