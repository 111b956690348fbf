"""What the Tab key may offer, by the text before the cursor: instructions, flags, stages, paths of the context, images, containers, verbs.

offers("%docker run --rm ng", engine)            →  Offers("ng", (Offer("nginx", "image"),))
offers("%%dockerfile\\nFROM busybox\\nCOPY --fr")   →  Offers("--fr", (Offer("--from=", "flag"),))
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dockerlab.data import dataclass
from dockerlab.dockerfile import KEYWORDS
from dockerlab.errors import DockerlabError

if TYPE_CHECKING:
    from dockerlab.engine import Engine

_STAGE = re.compile(r"FROM\s+\S+\s+AS\s+(\S+)", re.IGNORECASE)
_OF_IMAGES = {"run", "create", "history", "rmi", "tag", "save", "image inspect", "inspect"}
_OF_CONTAINERS = {
    "attach", "commit", "container inspect", "cp", "diff", "exec", "export", "inspect", "kill", "logs", "pause", "port", "rename", "restart", "rm", "start", "stats",
    "stop", "top", "unpause", "wait",
}  # fmt: skip
_RUNNING = {"attach", "exec", "kill", "pause", "stop", "top", "stats"}
_MAGICS = {"%layers": "image", "%history": "image", "%process": "image", "%cow": "container", "%commit": "container", "%%exec": "running"}
_VALUES = {
    "--mount=type=": ("bind", "cache", "tmpfs", "secret"), "--network=": ("default", "none", "host"), "--link=": ("true", "false"),
}  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """One way to go on; `kind` says what it is."""

    text: str
    kind: str


@dataclass(frozen=True)
class Offers:
    """What may stand in the place of `fragment`, the text right before the cursor."""

    fragment: str
    offers: tuple[Offer, ...]


def offers(before: str, engine: Callable[[], Engine], *, dockerfile: bool = False) -> Offers | None:
    """For the text of a cell before the cursor; None where this is Python's business. `dockerfile`: the cell is one as it stands."""
    *above, line = before.split("\n")
    first = (above or [line])[0]
    if first.startswith(("%%dockerfile", "%%variables")):
        return _of_build(line, engine) if not above else _of_dockerfile(above[1:], line, engine, _folder(first))
    if dockerfile:
        return _of_dockerfile(above, line, engine, ".")
    if first.startswith("%%") and above:
        return None
    words = line.lstrip().split(" ")
    if len(words) == 1:
        return None
    if words[0] == "%docker":
        return _of_docker(words[1:], engine)
    if words[0] == "%context":
        return _found(words[-1], _paths(words[-1], "."))
    if kind := _MAGICS.get(words[0]):
        return _found(words[-1], _named(engine, kind))
    return None


def _found(fragment: str, some: Iterable[Offer]) -> Offers:
    return Offers(fragment, tuple(one for one in some if one.text.startswith(fragment)))


# --- a Dockerfile


def _of_dockerfile(above: list[str], line: str, engine: Callable[[], Engine], folder: str) -> Offers | None:
    if above and above[-1].rstrip().endswith("\\") and not above[-1].lstrip().startswith("#"):
        line = _joined(above) + " " + line.lstrip()
    words = line.lstrip().split(" ")
    last = words[-1]
    if len(words) == 1:
        wanted = last.upper()
        return Offers(last, tuple(Offer(keyword + " ", "instruction") for keyword in sorted(KEYWORDS) if keyword.startswith(wanted)))
    keyword = words[0].upper()
    flags = KEYWORDS.get(keyword)
    if flags is None:
        return None
    for start, values in _VALUES.items():
        if last.startswith(start):
            return _found(last, [Offer(start + value, "value") for value in values])
    if last.startswith("--from=") or (keyword == "FROM" and not last.startswith("--")):
        start = "--from=" if last.startswith("--from=") else ""
        stages = [found[1] for one in above if (found := _STAGE.match(one.strip()))]
        return _found(
            last, [*(Offer(start + one, "stage") for one in stages), *(Offer(start + one.text, one.kind) for one in _named(engine, "base"))]
        )
    if last.startswith("-"):
        return _found(last, [Offer(f"--{flag}" + ("=" if flag not in ("link", "parents") else " "), "flag") for flag in sorted(flags)])
    if keyword in ("COPY", "ADD") and not any(word.startswith("--from=") for word in words):
        return _found(last, _paths(last, folder))
    return None


def _joined(above: list[str]) -> str:
    """The instruction of which the last of these lines is a part, as one line."""
    parts: list[str] = []
    for line in reversed(above):
        if not line.rstrip().endswith("\\"):
            break
        parts.insert(0, line.rstrip()[:-1].strip())
    return " ".join(parts)


def _folder(first: str) -> str:
    """The PATH of a magic's line, if its last word is one."""
    last = first.split(" ")[-1]
    return last if os.path.isdir(last) else "."


def _paths(fragment: str, folder: str) -> list[Offer]:
    """What lies in a folder of the context, as far as the fragment leads."""
    above = fragment.rpartition("/")[0]
    where = os.path.normpath(os.path.join(folder, above.lstrip("/")))
    start = f"{above}/" if "/" in fragment else ""
    try:
        entries = sorted(os.scandir(where), key=lambda entry: entry.name)
    except OSError:
        return []
    shown = [entry for entry in entries if not entry.name.startswith(".") or fragment.rpartition("/")[2].startswith(".")]
    return [Offer(f"{start}{entry.name}" + ("/" if entry.is_dir() else ""), "path") for entry in shown]


# --- docker's verbs


def _of_build(line: str, engine: Callable[[], Engine]) -> Offers:
    last = line.split(" ")[-1]
    return _found(last, _flags("build") if last.startswith("-") else _paths(last, "."))


def _of_docker(words: list[str], engine: Callable[[], Engine]) -> Offers | None:
    from dockerlab.verbs.dispatch import VERBS, find_verb

    last = words[-1]
    groups = {verb.split(" ")[0] for verb in VERBS if " " in verb}
    if len(words) == 1:
        return _found(last, [Offer(one + " ", "verb") for one in sorted({verb for verb in VERBS if " " not in verb} | groups)])
    if len(words) == 2 and words[0] in groups - VERBS.keys():
        return _found(last, [Offer(verb.split(" ")[1] + " ", "verb") for verb in sorted(VERBS) if verb.startswith(words[0] + " ")])
    try:
        verb, _ = find_verb(words[:-1])
    except DockerlabError:
        return None
    if last.startswith("-"):
        return _found(last, _flags(verb))
    if verb == "build":
        return _found(last, _paths(last, "."))
    named: list[Offer] = []
    if verb in _OF_CONTAINERS:
        named += _named(engine, "running" if verb in _RUNNING else "container")
    if verb in _OF_IMAGES:
        named += _named(engine, "base" if verb in ("run", "create") else "image")
    if verb.startswith("volume "):
        named += _named(engine, "volume")
    return _found(last, named)


def _flags(verb: str) -> list[Offer]:
    from dockerlab.verbs.dispatch import OURS
    from dockerlab.verbs.flags import table

    names = {**table().get(verb, {}).get("flags", {}), **OURS.get(verb, {})}
    return [Offer(f"--{name}", "flag") for name in sorted(names)]


def _named(engine: Callable[[], Engine], kind: str) -> list[Offer]:
    """Images, "base" images (those of the catalogue too), containers, "running" ones, volumes."""
    try:
        if kind in ("image", "base"):
            names = {name.removesuffix(":latest") for one in engine().images() for name in one["RepoTags"] or []}
            if kind == "base":
                names |= {*_catalogued(), "scratch"}
            return [Offer(name, "image") for name in sorted(names)]
        if kind == "volume":
            return [Offer(one["Name"], "volume") for one in engine().volumes()]
        return [Offer(one["Name"].lstrip("/"), "container") for one in engine().containers(all=kind == "container")]
    except DockerlabError:
        return []  # a store that can't be opened is told by who wants to work with it


def _catalogued() -> set[str]:
    from dockerlab.transfer.catalogue.recipe import recipes

    return {recipe.familiar for recipe in recipes().values()}
