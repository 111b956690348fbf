"""A real JupyterLab on loopback, a real browser that looks at it, and notebooks opened there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat

from tests.parts import ROOT, missing, until

BUSY = 60_000  # ms: a kernel starts, an image is built
OWN_FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)


@dataclass(frozen=True)
class Lab:
    """A server that runs; `folder` is where its notebooks lie, `home` the store of its kernels."""

    url: str
    folder: Path
    home: Path

    def page(self, name: str, app: str) -> str:
        """The address of a notebook in JupyterLab ("lab") or in Notebook 7 ("notebook"), which the same server has."""
        if app == "notebook" and not find_spec("notebook"):
            missing("Notebook 7", "pip install 'notebook>=7'")
        return f"{self.url}notebooks/{name}" if app == "notebook" else f"{self.url}doc/tree/{name}?reset"


@contextmanager
def serving(top: Path, template_home: Path) -> Iterator[Lab]:
    """A server whose notebooks and store lie below `top`; the store is a copy of `template_home`."""
    folder, home, log = top / "notebooks", top / "home", top / "log"
    folder.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(template_home), str(home)], check=True)
    environment = {
        **os.environ,
        "DOCKERLAB_HOME": str(home),
        "HOME": str(top),
        "PYTHONPATH": ":".join(filter(None, sys.path)),
        "DOCKERLAB_HINTS": "off",
    }
    quiet = top / "JUPYTERLAB_SETTINGS_DIR/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    environment |= {name: str(top / name) for name in OWN_FOLDERS}
    environment["JUPYTER_PATH"] = str(top / "env/share/jupyter")
    installed = [sys.executable, "-m", "dockerlab", "kernel", "install", "--prefix", str(top / "env")]
    subprocess.run(installed, cwd=ROOT, env=environment, check=True, capture_output=True)
    for name in ("JPY_SESSION_NAME", "DOCKERLAB_LANG", "DOCKERLAB_ISOLATION"):
        environment.pop(name, None)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--expose-app-in-browser",
        "--JupyterNotebookApp.expose_app_in_browser=True", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None",
    ]  # fmt: skip
    with open(log, "wb") as out:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        address = re.compile(r"http://127\.0\.0\.1:\d+/")
        until(lambda: address.search(log.read_text()) is not None or server.poll() is not None, 60)
        found = address.search(log.read_text())
        if found is None and "No module named" in log.read_text():
            missing("JupyterLab", "pip install jupyterlab")
        assert found, log.read_text()[-3000:]
        yield Lab(found[0], folder, home)
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def browsing() -> Iterator[Any]:
    """Chromium without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright", "pip install playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        missing("Chromium", "apt install chromium")
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=program, args=["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])])
        yield one
        one.close()


class Notebook:
    """A notebook in JupyterLab, its cells run one by one."""

    def __init__(self, page: Any, cells: list[str]) -> None:
        self.page, self.cells = page, cells

    def run(self, number: int) -> Any:
        """Run a cell (0 is the first) to its end; its output area."""
        cell = self.page.locator(".jp-Notebook-cell").nth(number)
        self.page.evaluate(
            """async (number) => {
                const panel = window.jupyterapp.shell.currentWidget;
                await panel.sessionContext.ready;
                panel.content.activeCellIndex = number;
                await window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            number,
        )
        cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).wait_for(timeout=BUSY)
        return cell.locator(".jp-Cell-outputArea")

    def save(self) -> str:
        """Save it; its name."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.context.save(); }")
        return str(self.page.evaluate("window.jupyterapp.shell.currentWidget.context.path"))

    def widget(self, number: int) -> Any:
        """Run a cell that shows a live picture; the picture."""
        shown = self.run(number).locator(".dockerlab").last  # under a build lies the stack of its layers
        shown.wait_for(timeout=BUSY)
        return shown


def opened(
    lab: Lab,
    context: Any,
    name: str,
    cells: tuple[str, ...],
    *,
    dark: bool = False,
    language: str = "en",
    kernel: str = "python3",
    app: str = "lab",
) -> Notebook:
    """A new notebook of this name in a new page of a browser's context, the extension loaded."""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("%load_ext dockerlab", *cells)])
    node.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    node.metadata["dockerlab"] = {"language": language}
    nbformat.write(node, lab.folder / name)
    page = context.new_page()
    page.goto(lab.page(name, app))
    page.locator(".jp-Notebook-cell").nth(len(cells)).wait_for(timeout=BUSY)
    theme = "JupyterLab Dark" if dark else "JupyterLab Light"  # always: the server remembers the last one
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.locator(f'body[data-jp-theme-name="{theme}"]').wait_for(state="attached", timeout=BUSY)
    one = Notebook(page, list(cells))
    one.run(0)
    return one
