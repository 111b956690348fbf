"""The image configuration: what a container of the image will be like, and how the image came to be. (OCI image specification, config.md)"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from dockerlab.data import dataclass, field, replace
from dockerlab.oci.digest import digest_of
from dockerlab.oci.timestamps import is_time

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH where nobody set one. (moby, oci/defaults.go; BuildKit, util/system/path.go)"""
_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def environment_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The variables of an image's or container's Config."""
    return dict(pair.split("=", 1) for pair in config.get("Env") or () if "=" in pair)


def own_architecture() -> str:
    """The image architecture of this machine. (OCI image specification, config.md: Go's GOARCH)"""
    machine = os.uname().machine
    return _ARCHITECTURES.get(machine, machine)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _labels(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


_KINDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("Env", "Cmd", "Entrypoint", "OnBuild", "Shell"), _texts),
    **dict.fromkeys(("ExposedPorts", "Volumes", "Healthcheck"), _is_object),
    **dict.fromkeys(("User", "WorkingDir", "StopSignal", "Hostname", "Domainname", "Image"), _is_text),
    "Labels": _labels,
}
"""What each key of a Config holds, if it is not null. (moby/docker-image-spec)"""


def _of(data: dict[str, Any], key: str, fits: Callable[[Any], bool], where: str = "") -> Any:
    """The value, or None; ValueError if it is of another kind."""
    value = data.get(key)
    if value is not None and not fits(value):
        raise ValueError(f"{where}{key} can't be {json.dumps(value)[:80]}")
    return value


def _words(key: str, value: Any) -> Any:
    """A command may be written as one text, as of old."""
    return [value] if key in ("Cmd", "Entrypoint", "Shell") and isinstance(value, str) else value


def _check_shape(raw: dict[str, Any]) -> None:
    """ValueError for the first thing in a configuration that is of a wrong kind."""
    for key in ("architecture", "os", "created", "author"):
        _of(raw, key, _is_text)
    history = _of(raw, "history", _objects) or []
    for entry in history:
        for key in ("created", "author", "created_by", "comment"):
            _of(entry, key, _is_text, "history.")
    for one in (raw, *history):
        if one.get("created") and not is_time(one["created"]):
            raise ValueError(f"created can't be {one['created'][:80]!r}: a time is written 2026-01-02T03:04:05Z")
    _of(_of(raw, "rootfs", _is_object) or {}, "diff_ids", _texts, "rootfs.")
    config = {key: _words(key, value) for key, value in (_of(raw, "config", _is_object) or {}).items()}
    for key, fits in _KINDS.items():
        _of(config, key, fits, "config.")
    health = config.get("Healthcheck") or {}
    _of(health, "Test", _texts, "config.Healthcheck.")
    for key in ("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"):
        _of(health, key, _is_number, "config.Healthcheck.")


@dataclass(frozen=True)
class HistoryEntry:
    """One line of an image's history. `empty_layer` says that no layer belongs to it."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    author: str = ""
    empty_layer: bool = False

    def to_json(self) -> dict[str, Any]:
        """The entry with Docker's keys; what is empty is left out."""
        out: dict[str, Any] = {}
        for key in ("created", "author", "created_by", "comment"):
            if value := getattr(self, key):
                out[key] = value
        if self.empty_layer:
            out["empty_layer"] = True
        return out

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> HistoryEntry:
        """Read an entry; keys we don't know are dropped."""
        return cls(
            str(data.get("created") or ""),
            str(data.get("created_by") or ""),
            str(data.get("comment") or ""),
            str(data.get("author") or ""),
            bool(data.get("empty_layer", False)),
        )


@dataclass(frozen=True)
class ImageConfig:
    """An image's configuration. `config` holds Docker's own keys (Env, Cmd, Entrypoint, WorkingDir, User, ExposedPorts, Volumes, Labels,
    StopSignal, Healthcheck, OnBuild, Shell); `diff_ids` and `history` are oldest first. `extra` keeps foreign keys, so that bytes survive."""

    architecture: str = "amd64"
    os: str = "linux"
    created: str = ""
    author: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    diff_ids: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The JSON whose digest is the image's ID. The order of keys is fixed, so that equal images have equal IDs."""
        out: dict[str, Any] = {"architecture": self.architecture}
        if self.author:
            out["author"] = self.author
        out["config"] = self.config
        if self.created:
            out["created"] = self.created
        out["history"] = [entry.to_json() for entry in self.history]
        out["os"] = self.os
        out.update(self.extra)
        out["rootfs"] = {"type": "layers", "diff_ids": list(self.diff_ids)}
        return json.dumps(out, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ImageConfig:
        """Read a configuration that was looked at when it came. Raises ValueError where it is none at all."""
        raw = json.loads(data)
        if not isinstance(raw, dict):
            raise ValueError("an image configuration is a JSON object")
        known = {"architecture", "author", "config", "created", "history", "os", "rootfs"}
        try:
            return cls(
                architecture=str(raw.get("architecture") or "amd64"),
                os=str(raw.get("os") or "linux"),
                created=str(raw.get("created") or ""),
                author=str(raw.get("author") or ""),
                config={key: _words(key, value) for key, value in (raw.get("config") or {}).items()},
                diff_ids=tuple((raw.get("rootfs") or {}).get("diff_ids") or ()),
                history=tuple(HistoryEntry.from_json(entry) for entry in raw.get("history") or ()),
                extra={key: value for key, value in raw.items() if key not in known},
            )
        except (TypeError, AttributeError) as error:
            raise ValueError(f"JSON, but no image configuration: {error}") from None

    @classmethod
    def from_outside(cls, data: bytes) -> ImageConfig:
        """Read a configuration that somebody else wrote. Raises ValueError where anything in it is not of the kind that Docker has there."""
        try:
            raw = json.loads(data)
        except RecursionError:
            raise ValueError("an image configuration is not nested so deeply") from None
        if not isinstance(raw, dict):
            raise ValueError("an image configuration is a JSON object")
        _check_shape(raw)
        return cls.from_bytes(data)

    @property
    def image_id(self) -> str:
        """The digest of `to_bytes()`."""
        return digest_of(self.to_bytes())

    def with_history(self, entry: HistoryEntry, diff_id: str | None = None) -> ImageConfig:
        """The configuration after one more step, with its layer if it made one."""
        layers = self.diff_ids + ((diff_id,) if diff_id else ())
        return replace(self, history=(*self.history, entry), diff_ids=layers, created=entry.created or self.created)
