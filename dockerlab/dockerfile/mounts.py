"""The `--mount` of a RUN: its keys and values, and what BuildKit says to a wrong one. (BuildKit's instructions/commands_runmount.go)"""

from __future__ import annotations

from collections.abc import Callable

from dockerlab.truth import FALSE, TRUE

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SWITCHES = frozenset({"readonly", "ro", "readwrite", "rw", "required"})
_KEYS = (
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "size",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
    "env",
    *sorted(_SWITCHES),
)
_MAY_OWN = ("secret", "ssh", "cache")
_SHARING = ("shared", "private", "locked")
_UNITS = "bkmgtp"


def mount_fields(text: str, expand: Callable[[str], str]) -> dict[str, str]:
    """`type=cache,target=/c` as a mapping, values expanded; a switch without a value is "true". ValueError in BuildKit's words for a wrong one."""
    fields: dict[str, str] = {"type": "bind"}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = key.lower()
        if not equals:
            if key not in _SWITCHES:
                raise ValueError(f"invalid field '{part}' must be a key=value pair")
            value = "true"
        _check(key, part, value := expand(value), fields["type"])
        fields[key] = value
    kind = fields["type"]
    for key in ("mode", "uid", "gid"):
        if key in fields and kind not in _MAY_OWN:
            raise ValueError(f'{key} not allowed for "{kind}" type mounts')
    if fields.get("sharing") and kind != "cache":
        raise ValueError(f"invalid cache sharing set for {kind} mount")
    if kind == "secret" and not any(fields.get(key) for key in ("id", "source", "src", "target", "dst", "destination")):
        raise ValueError("invalid secret mount. one of source, target required")
    return fields


def _close(word: str, options: tuple[str, ...]) -> str:
    """` (did you mean …?)`, or ""."""
    from difflib import get_close_matches

    close = get_close_matches(word, options, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _check(key: str, part: str, value: str, kind: str) -> None:
    if key not in _KEYS:
        raise ValueError(f"unexpected key '{key}' in '{part}'{_close(key, _KEYS)}")
    if key == "type" and value not in _TYPES:
        raise ValueError(f'unsupported mount type "{value}"{_close(value, _TYPES)}')
    if (key == "required" and kind not in ("secret", "ssh")) or (key == "size" and kind != "tmpfs"):
        raise ValueError(f"unexpected key '{key}' for mount type '{kind}'")
    if (key in _SWITCHES and value not in TRUE | FALSE) or (key == "size" and not _is_size(value)):
        raise ValueError(f"invalid value for {key}: {value}")
    if key == "sharing" and value not in _SHARING:
        raise ValueError(f'unsupported sharing value "{value}"')
    if (key in ("uid", "gid") and not value.isdigit()) or (key == "mode" and (not value or set(value) - set("01234567"))):
        raise ValueError(f"invalid value {value} for {key}")


def _is_size(text: str) -> bool:
    number = text.strip().lower().removesuffix("b").removesuffix("i").rstrip(_UNITS)
    return number.strip().replace(".", "", 1).isdigit()
