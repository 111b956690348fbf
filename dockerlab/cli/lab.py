"""`dockerlab lab`: the bundled labs in JupyterLab — copied to a folder, base images fetched, the server on loopback."""

from __future__ import annotations

import argparse
import importlib.util
import os
import secrets
import socket
import sys
from pathlib import Path

from dockerlab.course.labs import FURTHER, USUAL
from dockerlab.course.material import INDEX, hand_out
from dockerlab.course.saying import say
from dockerlab.engine import Engine, open_engine
from dockerlab.errors import DockerlabError
from dockerlab.language import language, particles
from dockerlab.oci import Reference


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
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        help="fetch the base images of every lab, so that all of them work with no network (default: those of most labs; you are asked about the others)",
    )
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
            copied = say("copied", "복사했습니다") if written else say("is there already, left as it is", "이미 있어서 그대로 둡니다")
            print(f"{path}: {copied[language()]}", flush=True)
    except OSError as error:
        raise DockerlabError(
            f"the labs can't be copied to {folder}: {error.strerror}", hint="name another folder: dockerlab lab FOLDER"
        ) from None
    fetch_bases(everything=options.everything)
    if options.no_start:
        return 0
    return _start(folder, options.port, browser=not options.no_browser and has_display())


def has_display() -> bool:
    """Whether a browser could open here."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("BROWSER"))


def fetch_bases(*, everything: bool = False) -> None:
    """The base images of most labs into the store, and those of the others if `everything` or who sits at the terminal wants them.

    Said as it happens, and no reason to stop where it can't be done: what is not fetched now comes when a cell names it.
    """
    engine = open_engine()
    engine.notice = lambda text: print(f"  {text}", flush=True)
    try:
        for name in USUAL:
            _fetch(engine, name)
        for lab, names in FURTHER.items():
            wanted = [name for name in names if not _is_here(engine, name)]
            if wanted and (everything or _asked(lab, wanted)):
                for name in wanted:
                    _fetch(engine, name)
    finally:
        engine.close()


def _fetch(engine: Engine, name: str) -> None:
    try:
        engine.resolve_name(name)
        print(f"{name}: {say('ready', '준비되었습니다')[language()]}", flush=True)
    except DockerlabError as error:
        print(f"{name}: {error}", flush=True)


def _is_here(engine: Engine, name: str) -> bool:
    try:
        engine.image_inspect(name)
    except DockerlabError:
        return False
    return True


def _asked(lab: str, wanted: list[str]) -> bool:
    """Tell what a lab needs besides, and how large it is; whether it shall be fetched now. Nobody is asked where nobody can answer."""
    from dockerlab.store import Store
    from dockerlab.transfer.catalogue import Catalogue

    size = f"{Catalogue(Store.open()).wanting(*map(Reference.parse, wanted)) / 1e6:.0f}"
    names = ", ".join(wanted)
    told = say(
        f"The lab {lab} needs {names} besides: about {size} MB more on the disk, composed of packages from Debian's network.",
        f"실습 {lab}에는 {names}이(가) 더 필요합니다. 디스크를 약 {size} MB 더 쓰고, Debian의 네트워크에서 패키지를 받아 만듭니다.",
    )
    print(particles(told[language()]), flush=True)
    if not sys.stdin.isatty():
        later = say(
            "  They come when a cell first names them; dockerlab lab --all fetches them now.",
            "  셀에서 처음 쓸 때 가져옵니다. 지금 가져오려면 dockerlab lab --all을 실행하십시오.",
        )
        print(later[language()], flush=True)
        return False
    question = say(
        "Fetch them now, so that the lab works with no network? [y/N] ", "네트워크 없이도 실습할 수 있게 지금 가져올까요? [y/N] "
    )
    try:
        return input(question[language()]).strip().lower() in ("y", "yes", "네", "예", "ㅛ")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


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
