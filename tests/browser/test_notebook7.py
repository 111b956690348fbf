"""Notebook 7, which is made of JupyterLab's parts: cells are highlighted, builds and pictures live, a saved notebook still."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import pytest

from tests.browser.conftest import BUSY, Lab, Open
from tests.parts import missing


@pytest.fixture(autouse=True)
def notebook7() -> None:
    if not find_spec("notebook"):
        missing("Notebook 7", "pip install 'notebook>=7'")


def test_cells_are_highlighted_and_pictures_alive(notebook: Open, photograph: Callable[[Any, str], None]) -> None:
    one = notebook("%%dockerfile -t seven:1\nFROM busybox\nRUN echo hello > /hello", app="notebook")
    kind = "window.jupyterapp.shell.currentWidget.content.widgets[1].model.mimeType === 'text/x-dockerfile'"
    one.page.wait_for_function(kind, timeout=BUSY)
    stack = one.widget(1)
    stack.locator(".dl-layer").first.click()
    stack.get_by_role("treeitem", name="hello").wait_for(timeout=BUSY)
    photograph(one.page, "notebook-7")


def test_opened_again_it_shows_the_still_pictures(notebook: Open, lab: Lab, browser: Any) -> None:
    one = notebook("%layers busybox", app="notebook")
    one.widget(1)
    name = one.save()
    one.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    one.page.close()
    again = browser.new_page()
    again.goto(f"{lab.url}notebooks/{name}")
    again.locator(".jp-OutputArea img[src^='data:image/svg']").wait_for(timeout=BUSY)
    assert "model not found" not in again.locator(".jp-Notebook").inner_text()
    again.close()
