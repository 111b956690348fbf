"""A notebook that was saved with live pictures in it: opened again without its kernel, exported, read elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.browser.conftest import BUSY, Lab, Open
from tests.parts import missing


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_opened_again_it_shows_the_still_pictures(
    notebook: Open, lab: Lab, browser: Any, photograph: Callable[[Any, str], None], app: str
) -> None:
    one = notebook("%layers busybox", app=app)
    one.widget(1)
    name = one.save()
    one.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    one.page.close()
    again = browser.new_page()
    again.goto(lab.page(name, app))
    again.locator(".jp-Notebook-cell").nth(1).wait_for(timeout=BUSY)
    again.locator(".jp-OutputArea img[src^='data:image/svg']").wait_for(timeout=BUSY)
    photograph(again, f"reopened-{app}")
    assert "model not found" not in again.locator(".jp-Notebook").inner_text()
    again.close()


def test_pages_made_of_it_show_the_still_pictures_without_a_script(
    notebook: Open, lab: Lab, browser: Any, photograph: Callable[[Any, str], None]
) -> None:
    one = notebook(
        "%%dockerfile -t page:1\nFROM busybox\nRUN echo 1 > /1", "%docker run -d --name page page:1 sh -c 'rm /1; sleep 60'", "%cow page"
    )
    one.widget(1)
    one.run(2)
    one.widget(3)
    name = one.save()
    saved = nbformat.read(lab.folder / name, 4)
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for cell in saved.cells for output in cell.outputs)
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", name], cwd=lab.folder, check=True, capture_output=True)
    page = browser.new_context(java_script_enabled=False, viewport={"width": 900, "height": 800}).new_page()
    page.goto((lab.folder / name).with_suffix(".html").as_uri())
    pictures = page.locator("img[src^='data:image/svg']")
    assert pictures.count() == 2 and all(pictures.nth(n).evaluate("image => image.naturalWidth > 0") for n in range(2))
    assert "/1" in pictures.nth(1).get_attribute("alt")
    photograph(page, "exported")
    page.pdf(path=str(lab.folder / "page.pdf"))
    page.context.close()
    if not shutil.which("pdftotext"):
        missing("pdftotext", "apt install poppler-utils")
    printed = subprocess.run(["pdftotext", "-layout", "page.pdf", "-"], cwd=lab.folder, check=True, capture_output=True, text=True).stdout
    assert "read-only image layers" in printed and "RUN echo 1 > /1" in printed and "container page" in printed
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "latex", name], cwd=lab.folder, check=True, capture_output=True)
    typeset = (lab.folder / name).with_suffix(".tex").read_text()
    assert "RUN echo 1 > /1" in typeset and "hides the file of layer" in typeset, "the text stands in for the picture"


def test_cells_that_a_program_runs_get_still_pictures_alone(notebook: Open, lab: Lab, home: Path) -> None:
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", "%layers busybox")])
    NotebookClient(node, kernel_name="python3").execute()
    data = node.cells[1].outputs[0]["data"]
    assert "text/html" in data and "application/vnd.jupyter.widget-view+json" not in data and "widgets" not in node.metadata
