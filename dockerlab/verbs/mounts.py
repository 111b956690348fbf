"""`--mount` of run and create: fields as docker reads them, said again as `-v` or `--tmpfs`."""

from __future__ import annotations

import os

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.truth import FALSE, TRUE
from dockerlab.verbs.flags import usage_error

_ALONE = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src")
_SAME = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_OF_TYPE = {
    "bind": ("bind-propagation", "bind-nonrecursive", "bind-recursive", "bind-create-src"),
    "volume": ("volume-subpath", "volume-nocopy", "volume-label", "volume-driver", "volume-opt"),
    "image": ("image-subpath",),
    "tmpfs": ("tmpfs-size", "tmpfs-mode"),
}
_KNOWN = {"type", "source", "target", "readonly", "consistency", *(key for keys in _OF_TYPE.values() for key in keys)}


def mount_flag(verb: str, text: str) -> tuple[str, str]:
    """(type, the `-v` or `--tmpfs` that says the same) of `type=volume,src=data,dst=/d,readonly`. UsageError in docker's words."""
    fields = _fields(verb, text)
    if fields.get("source", "").startswith("./") or fields.get("source") == ".":
        fields["source"] = os.path.abspath(fields["source"])
    kind, source, target = fields.get("type", "volume"), fields.get("source", ""), fields.get("target", "")
    for other, keys in _OF_TYPE.items():
        if kind in _OF_TYPE and other != kind and any(key in fields for key in keys):
            raise _wrong(verb, text, f"cannot mix '{other}-*' options with mount type '{kind}'")
    problem = f'docker: invalid mount config for type "{kind}": '
    if kind not in ("bind", "volume", "tmpfs"):
        known = kind in ("image", "npipe", "cluster")
        raise UsageError(problem + ("not done here" if known else "mount type unknown"), hint="one of bind, volume, tmpfs")
    if not target.startswith("/"):
        raise UsageError(f"{problem}invalid mount path: '{target}' mount path must be absolute")
    if os.path.normpath(target) == "/":
        raise UsageError(f"{problem}invalid specification: destination can't be '/'")
    if kind == "tmpfs":
        options = [f"{name}={fields['tmpfs-' + name]}" for name in ("mode", "size") if "tmpfs-" + name in fields]
        options += ["ro"] if _on(fields, "readonly") else []
        return kind, target + (":" + ",".join(options) if options else "")
    _refuse(fields)
    if kind == "bind":
        _check_bind(problem, source, create=_on(fields, "bind-create-src"))
    elif len(source) == 1:
        raise DockerlabError(
            f"create {source}: volume name is too short, names should be at least two alphanumeric characters", exit_code=125
        )
    modes = [word for word, key in (("ro", "readonly"), ("nocopy", "volume-nocopy")) if _on(fields, key)]
    if not source:
        return kind, target
    return kind, f"{source}:{target}" + (":" + ",".join(modes) if modes else "")


def _wrong(verb: str, text: str, problem: str) -> UsageError:
    return usage_error(verb, f'invalid argument "{text}" for "--mount" flag: {problem}', 125)


def _fields(verb: str, text: str) -> dict[str, str]:
    from csv import reader

    fields: dict[str, str] = {}
    for part in next(reader([text]), []):
        key, equals, value = part.partition("=")
        key = _SAME.get(key.lower(), key.lower())
        if not equals and key not in _ALONE:
            raise _wrong(verb, text, f"invalid field '{part}' must be a key=value pair")
        if key not in _KNOWN:
            raise _wrong(verb, text, f"unexpected key '{key}' in '{part}'")
        if key in _ALONE and equals and value not in (*TRUE, *FALSE):
            raise _wrong(verb, text, f"invalid value for {part.partition('=')[0]}: {value}")
        fields[key] = value if equals else "true"
    if "type" in fields and not fields["type"]:
        raise _wrong(verb, text, "type is required")
    if not fields.get("target"):
        raise _wrong(verb, text, "target is required")
    return fields


def _on(fields: dict[str, str], key: str) -> bool:
    return fields.get(key, "false") in TRUE


def _refuse(fields: dict[str, str]) -> None:
    """What would be mounted otherwise than was asked for is not mounted at all."""
    plain = {
        "bind-propagation": ("private", "rprivate"),
        "volume-driver": ("local",),
        "bind-recursive": ("enabled", "writable"),
        "bind-nonrecursive": tuple(FALSE),
    }
    for key in ("volume-subpath", "volume-label", "volume-opt", *plain):
        if key in fields and fields[key] not in plain.get(key, ()):
            hint = "dockerlab volume create --label makes one with labels" if key == "volume-label" else "leave it away"
            raise UsageError(f"docker: --mount {key}={fields[key]} is not done here", hint=hint)


def _check_bind(problem: str, source: str, *, create: bool) -> None:
    if not source:
        raise UsageError(problem + "field Source must not be empty")
    if not source.startswith("/"):
        raise UsageError(f"{problem}invalid mount path: '{source}' mount path must be absolute", hint=f"write ./{source}")
    if not os.path.exists(source) and not create:
        raise UsageError(f"{problem}bind source path does not exist: {source}")
