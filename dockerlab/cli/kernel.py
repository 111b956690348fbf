"""`dockerlab kernel install`: the kernel "Docker lab" for Jupyter, and the extension of JupyterLab where pip has not put it (a clone that is used in place)."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import dockerlab
from dockerlab.errors import DockerlabError

EXTENSION = "share/jupyter/labextensions/jupyter-dockerlab"


def main(words: list[str]) -> int:
    """Install; 0, or DockerlabError for a folder that can't be written."""
    parser = argparse.ArgumentParser(prog="dockerlab kernel", description="The kernel Docker lab, in which a Dockerfile is a cell.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="install")
    install = verbs.add_parser("install", help="let Jupyter know it")
    where = install.add_mutually_exclusive_group()
    where.add_argument("--user", action="store_true", help="for this user, whatever environment Jupyter runs in")
    where.add_argument(
        "--prefix", metavar="FOLDER", default=sys.prefix, help="in an environment (default: the one that this command is in)"
    )
    options = parser.parse_args(words)
    try:
        print(f"the kernel is installed in {_kernel(options.user, options.prefix)}")
        print(f"the extension of JupyterLab is in {_extension(options.user, Path(options.prefix))}")
    except PermissionError as error:
        raise DockerlabError(f"{error.filename}: permission denied", hint="--user installs it for you alone") from None
    print("start JupyterLab, or load its page again, and choose Docker lab")
    return 0


def _kernel(user: bool, prefix: str) -> str:
    import json

    from jupyter_client.kernelspec import KernelSpecManager

    from dockerlab.notebook.kernel import DISPLAY_NAME, NAME

    spec = {
        "argv": [sys.executable, "-m", "dockerlab.notebook.kernel", "-f", "{connection_file}"],
        "display_name": DISPLAY_NAME,
        "language": "python",
        "metadata": {"debugger": True},
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
        return str(KernelSpecManager().install_kernel_spec(folder, NAME, user=user, prefix=None if user else prefix))


def _extension(user: bool, prefix: Path) -> Path:
    from jupyter_core.paths import jupyter_data_dir

    target = Path(jupyter_data_dir()) / "labextensions/jupyter-dockerlab" if user else prefix / EXTENSION
    source = Path(dockerlab.__file__).parent / "labextension"
    if target.is_symlink() or target.is_dir():
        if os.path.realpath(target) == str(source):
            return target
        (target.unlink if target.is_symlink() else lambda: shutil.rmtree(target))()
    shutil.copytree(source, target)
    return target
