"""`--filter`: several values of one key are joined by or, different keys by and."""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dockerlab.errors import DockerlabError, UsageError

if TYPE_CHECKING:
    from dockerlab.verbs.flags import Parsed


def read_filters(texts: Iterable[str], known: Iterable[str]) -> dict[str, list[str]]:
    """key → values. DockerlabError in docker's words for a key that this list has not."""
    out: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f'invalid argument "{text}" for "-f, --filter" flag: invalid filter \'{text}\': bad format of filter (expected name=value)',
                exit_code=125,
            )
        if key not in known:
            raise DockerlabError(f"invalid filter '{key}'", hint="known filters: " + ", ".join(sorted(known)))
        out.setdefault(key, []).append(value)
    return out


def label_matches(labels: Mapping[str, str], wanted: str) -> bool:
    """`key` or `key=value`."""
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def boolean(key: str, text: str) -> bool:
    """true, 1, false, 0: of all that Go reads so, a filter takes only these. DockerlabError in docker's words for anything else."""
    if text in ("true", "1"):
        return True
    if text in ("false", "0"):
        return False
    raise DockerlabError(f"invalid filter '{key}=[{text}]'")


def reference_matches(pattern: str, repository: str, tag: str) -> bool:
    """A shell pattern against `repository` or `repository:tag`; `*` stops at a slash."""

    def one(text: str, shape: str) -> bool:
        parts, shapes = text.split("/"), shape.split("/")
        return len(parts) == len(shapes) and all(fnmatch.fnmatchcase(part, piece) for part, piece in zip(parts, shapes, strict=True))

    return one(f"{repository}:{tag}", pattern) or one(repository, pattern)


def name_matches(pattern: str, name: str) -> bool:
    """A regular expression anywhere in a container's name. DockerlabError for one that is none."""
    try:
        return re.search(pattern.removeprefix("/"), name) is not None
    except re.error as error:
        raise DockerlabError(f"invalid filter 'name={pattern}': {error}", hint="it is read as a regular expression") from None


def moment(text: str, flag: str) -> float:
    """A time, or a duration before now, as seconds since 1970. UsageError for anything else."""
    from dockerlab.oci.timestamps import to_seconds

    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    if re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s))+", text):
        return time.time() - sum(float(value) * units[unit] for value, _, unit in re.findall(r"(\d+(\.\d+)?)(h|ms|m|s)", text))
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if seconds := to_seconds(text if "T" in text else text + "T00:00:00Z"):
        return seconds
    raise UsageError(f'invalid value for "{flag}": failed to parse value as time or duration: "{text}"', exit_code=1)


def prune_filters(parsed: Parsed, *known: str) -> dict[str, list[str]]:
    """--filter of a prune: `label!=…` is found under "not-label"."""
    texts = (text.replace("label!", "not-label", 1) if text.startswith("label!") else text for text in parsed.all("filter"))
    return read_filters(texts, (*known, *(("not-label",) if "label" in known else ())))


def spared_by_label(labels: Mapping[str, str], filters: Mapping[str, list[str]]) -> bool:
    """Whether the label filters of a prune leave something with these labels alone."""
    if not all(label_matches(labels, wanted) for wanted in filters.get("label", ())):
        return True
    return any(label_matches(labels, unwanted) for unwanted in filters.get("not-label", ()))
