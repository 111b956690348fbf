"""Notebook 7, which is made of JupyterLab's parts: cells are highlighted, builds and pictures live."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import BUSY, Open


def test_cells_are_highlighted_and_pictures_alive(notebook: Open, photograph: Callable[[Any, str], None]) -> None:
    one = notebook("%%dockerfile -t seven:1\nFROM busybox\nRUN echo hello > /hello", app="notebook")
    kind = "window.jupyterapp.shell.currentWidget.content.widgets[1].model.mimeType === 'text/x-dockerfile'"
    one.page.wait_for_function(kind, timeout=BUSY)
    stack = one.widget(1)
    stack.locator(".dl-layer").first.click()
    stack.get_by_role("treeitem", name="hello").wait_for(timeout=BUSY)
    photograph(one.page, "notebook-7")
