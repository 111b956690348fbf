"""`dockerlab lab`: the bundled labs in JupyterLab — copied to a folder, base images fetched, the server on loopback."""

from __future__ import annotations

import argparse
import importlib.util
import os
import secrets
import socket
import sys
from pathlib import Path

from dockerlab.course.labs import USUAL
from dockerlab.course.material import INDEX, hand_out
from dockerlab.engine import open_engine
from dockerlab.errors import DockerlabError
from dockerlab.notebook.words import language


def main(words: list[str]) -> int:
    """Open the labs; ends with JupyterLab. DockerlabError if JupyterLab is not installed, or the folder can't be written."""
    parser = argparse.ArgumentParser(
        prog="dockerlab lab", description="Copy the labs to a folder, fetch their base images, open JupyterLab on them."
    )
    parser.add_argument("folder", nargs="?", type=Path, help="where the notebooks go (default: dockerlab-labs, dockerlab-labs-ko)")
    parser.add_argument("--lang", choices=("en", "ko"), default=language())
    parser.add_argument("--port", type=int, default=8888, help="where JupyterLab listens; the next free one if it is taken")
    parser.add_argument("--no-browser", action="store_true", help="open no browser (none is opened where there is no display)")
    parser.add_argument("--no-start", action="store_true", help="only copy and fetch")
    options = parser.parse_args(words)
    folder: Path = options.folder or Path("dockerlab-labs" if options.lang == "en" else f"dockerlab-labs-{options.lang}")
    if not options.no_start and importlib.util.find_spec("jupyterlab") is None:
        raise DockerlabError(
            "JupyterLab is not installed here",
            hint="install jupyter-dockerlab[lab], or use --no-start and open the notebooks in the Jupyter that you have",
        )
    os.environ["DOCKERLAB_BASES"], os.environ["DOCKERLAB_LANG"] = "catalogue", options.lang
    try:
        for path, written in hand_out(folder, options.lang):
            print(f"{path}: {'copied' if written else 'is there already, left as it is'}", flush=True)
    except OSError as error:
        raise DockerlabError(
            f"the labs can't be copied to {folder}: {error.strerror}", hint="name another folder: dockerlab lab FOLDER"
        ) from None
    fetch_bases()
    if options.no_start:
        return 0
    return _start(folder, options.port, browser=not options.no_browser and has_display())


def has_display() -> bool:
    """Whether a browser could open here."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER"))


def fetch_bases() -> None:
    """The base images of most labs into the store; said as it happens, and no reason to stop where it can't be done. The others come when they are named."""
    engine = open_engine()
    engine.notice = lambda text: print(f"  {text}", flush=True)
    try:
        for name in USUAL:
            try:
                engine.resolve_name(name)
                print(f"{name}: ready", flush=True)
            except DockerlabError as error:
                print(f"{name}: {error}", flush=True)
    finally:
        engine.close()


def free_port(wanted: int) -> int:
    """The wanted port on loopback, or the next one that nobody listens on."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return port
    raise DockerlabError(f"no port from {wanted} on is free on loopback", hint="choose another one with --port")


def _start(folder: Path, wanted: int, *, browser: bool) -> int:
    port, token = free_port(wanted), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--notebook-dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{INDEX}",
    ]
    if not browser:
        command.append("--no-browser")
    if os.geteuid() == 0:
        command.append("--allow-root")
    # not among the words, where `ps` would show it to everybody on this machine
    os.environ["JUPYTER_TOKEN"] = token
    # this environment's own kernel, not one of that name in the user's home (jupyter_core.paths)
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    print(f"JupyterLab: http://127.0.0.1:{port}/lab/tree/{INDEX}?token={token}", flush=True)
    os.execv(command[0], command)
