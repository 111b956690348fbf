"""Names of users and groups, looked up where the container would: in the image's own /etc/passwd and /etc/group."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.errors import NotFoundError
from dockerlab.layers.owners import is_opaque
from dockerlab.layers.view import TreeView


@dataclass(frozen=True)
class User:
    """A resolved USER: numbers, supplementary groups, home folder."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    home: str = "/"
    name: str = ""


def _lines(view: TreeView, path: str) -> list[list[str]]:
    try:
        text = view.read(path).decode(errors="replace")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return []
    return [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() and text.isascii() else None


def may_name_others(tree: Path | str) -> bool:
    """Whether a layer has something to say of /etc/passwd or /etc/group."""
    etc = f"{tree}/etc"
    try:
        if not stat.S_ISDIR(os.lstat(etc).st_mode):
            return True
    except FileNotFoundError:
        return False
    return is_opaque(etc) or any(os.path.lexists(f"{etc}/{name}") for name in ("passwd", "group"))


def find_user(view: TreeView, text: str) -> User:
    """`name`, `uid`, `name:group`, `uid:gid` or "" (root), as runc resolves them.

    NotFoundError in docker's words for a name that the image does not know; a number needs no entry.
    """
    name, _, group = text.partition(":")
    name = name or "0"
    people = [fields for fields in _lines(view, "/etc/passwd") if len(fields) >= 4 and fields[2].isdigit() and fields[3].isdigit()]
    number = _number(name)
    entry = next((fields for fields in people if fields[0] == name), None)
    entry = entry or next((fields for fields in people if int(fields[2]) == number), None)
    if entry is None and number is None:
        raise NotFoundError(
            f"unable to find user {name}: no matching entries in passwd file",
            hint="create it first, for example RUN useradd or adduser, or use a number",
        )
    uid, gid, home, login = number or 0, 0, "/", ""
    if entry is not None:
        uid, gid, login = int(entry[2]), int(entry[3]), entry[0]
        home = entry[5] if len(entry) > 5 and entry[5] else "/"
    if group:
        return User(uid, find_group(view, group), (), home, login)
    extra = [
        int(fields[2])
        for fields in _lines(view, "/etc/group")
        if login and len(fields) >= 4 and fields[2].isdigit() and login in fields[3].split(",")
    ]
    return User(uid, gid, tuple(extra), home, login)


def find_group(view: TreeView, text: str) -> int:
    """The number of a group. NotFoundError in docker's words for an unknown name."""
    for fields in _lines(view, "/etc/group"):
        if len(fields) >= 3 and fields[0] == text and fields[2].isdigit():
            return int(fields[2])
    if (number := _number(text)) is not None:
        return number
    raise NotFoundError(f"unable to find group {text}: no matching entries in group file", hint="create it first, or use a number")
