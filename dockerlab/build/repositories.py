"""ADD of a Git repository, by the machine's own git: `https://host/path.git#branch:folder`. (Docker's reference, ADD; BuildKit, util/gitutil)"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from dockerlab.build.context import BuildContext
from dockerlab.build.sources import Source
from dockerlab.errors import BuildError

_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ALLOW_PROTOCOL": "https:http:git:ssh",  # a repository must not make git read this machine's files
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "LC_ALL": "C",
}


def clone(word: str, keep_git: bool, scratch: Path) -> Source:
    """The repository that a word of ADD names, checked out below `scratch`. BuildError in git's words if it can't be had."""
    if shutil.which("git") is None:
        raise BuildError(
            f"ADD of a Git repository ({word}) needs git", hint="apt-get install git, or clone it into the build context and COPY it"
        )
    address, _, fragment = word.partition("#")
    reference, _, folder = fragment.partition(":")
    place = scratch / f"repository{len(list(scratch.glob('repository*')))}"
    place.mkdir()
    _git(word, place, "init", "-q")
    _git(word, place, "fetch", "-q", "--depth=1", "--", address, reference or "HEAD")
    _git(word, place, "-c", "advice.detachedHead=false", "checkout", "-q", "FETCH_HEAD")
    if (place / ".gitmodules").exists():
        _git(word, place, "submodule", "update", "-q", "--init", "--recursive", "--depth=1")
    commit = _git(word, place, "rev-parse", "HEAD")
    tree = BuildContext(place, exclude=() if keep_git else (".git", "**/.git"))
    node = tree.lookup("/" + folder)
    if node is None or not node.is_dir:
        raise BuildError(
            f"failed to load cache key: subdir not found in {address}: {folder}", hint="after the colon comes a folder of the repository"
        )
    return Source("", node, tree=tree, asked=f"{word} {commit}")


def _git(word: str, place: Path, *words: str) -> str:
    command = ["git", "-c", "core.hooksPath=" + os.devnull, "-c", "safe.directory=*", *words]
    done = subprocess.run(
        command,
        cwd=place,
        env={**os.environ, **_QUIET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        umask=0o022,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BuildError(
            f"failed to load cache key: error fetching {word}: git stderr: {said[-1] if said else f'exit status {done.returncode}'}",
            hint="is there a network, are the address and the branch right, may everybody read it?",
        )
    return done.stdout.strip()
