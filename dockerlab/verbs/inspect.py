"""`docker inspect` and its kin: JSON, or a template over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, NotFoundError, UsageError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import GoStruct, NilList, TemplateRunError, TemplateSyntaxError

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


def inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker inspect [-f FORMAT] [--type TYPE] NAME…`: containers first, then images, then volumes."""
    kind = parsed.text("type")
    if kind not in ("", "container", "image", "volume", "network"):
        raise UsageError(f'"{kind}" is not a valid value for --type', exit_code=1)

    from dockerlab.verbs.networks import network_of

    def find(name: str) -> Json:
        if kind in ("", "container"):
            try:
                return _container(engine, name, parsed.on("size"))
            except NotFoundError:
                if kind:
                    raise
        if kind == "network":
            return network_of(engine, name)
        hint = ""
        if kind in ("", "image"):
            try:
                return engine.image_inspect(name)
            except DockerlabError as error:
                if kind:
                    raise
                hint = error.hint if isinstance(error, NotFoundError) else ""
        if not kind:
            with suppress(NotFoundError):
                return network_of(engine, name)
        try:
            return volume_of(engine, name)
        except NotFoundError:
            if kind:
                raise
            raise NotFoundError(f"no such object: {name}", hint=hint) from None

    return show(parsed, terminal, find)


def container_inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker container inspect`."""
    return show(parsed, terminal, lambda name: _container(engine, name, parsed.on("size")))


def image_inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker image inspect`."""
    return show(parsed, terminal, engine.image_inspect)


def volume_of(engine: Engine, name: str) -> Json:
    """What docker says of a volume. NotFoundError if there is none of this name."""
    for item in engine.volumes():
        if item["Name"] == name:
            return item
    raise NotFoundError(f"get {name}: no such volume")


def _container(engine: Engine, name: str, with_size: bool) -> Json:
    found = engine.container_inspect(name)
    if with_size:
        from dockerlab.verbs.containers import sizes

        found["SizeRw"], found["SizeRootFs"] = sizes(found, engine)
    return found


def show(parsed: Parsed, terminal: Terminal, find: Callable[[str], Json]) -> int:
    """What was found, as JSON or as the template says; 1 if something was not found, 64 for a template that can't be read."""
    form = parsed.text("format")
    found: list[Json] = []
    errors: list[DockerlabError] = []
    for name in parsed.words:
        try:
            found.append(find(name))
        except DockerlabError as error:
            errors.append(error)
    terminal.results.append(found)
    code = 0
    if form in ("", "json"):
        text = json.dumps(found, indent=4, ensure_ascii=False) if not form else json.dumps(found, separators=(",", ":"), ensure_ascii=False)
        terminal.line(text)
    else:
        code = _formatted(form, found, terminal)
    for problem in errors:
        terminal.complain(f"Error: {problem}")
    return 1 if errors else code


_LISTS = (
    "Binds",
    "CapAdd",
    "CapDrop",
    "Cmd",
    "Entrypoint",
    "Env",
    "ExtraHosts",
    "GroupAdd",
    "Links",
    "OnBuild",
    "SecurityOpt",
    "Shell",
    "VolumesFrom",
)
_FIELDS = (
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "OnBuild",
    "Shell",
    "StopSignal",
    "StopTimeout",
    "User",
    "Volumes",
    "WorkingDir",
)


_IMAGE_FIELDS = tuple(
    [
        "User",
        "ExposedPorts",
        "Env",
        "Entrypoint",
        "Cmd",
        "Volumes",
        "WorkingDir",
        "Labels",
        "StopSignal",
        "ArgsEscaped",
        "Healthcheck",
        "OnBuild",
        "Shell",
    ]
)
"""The order of an image's Config, whose fields are left out where they are empty."""


_HEALTH_FIELDS = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")
"""The order of a Healthcheck."""


_GO_NAMES = {
    "CpuShares": "CPUShares", "CpuPeriod": "CPUPeriod", "CpuQuota": "CPUQuota", "CpuRealtimePeriod": "CPURealtimePeriod", "CpuCount": "CPUCount",
    "CpuRealtimeRuntime": "CPURealtimeRuntime", "CpuPercent": "CPUPercent", "NanoCpus": "NanoCPUs",
}  # fmt: skip
"""Fields that Go's structs call otherwise than the JSON does."""


def _sorted(value: Any) -> Any:
    """The JSON as Go reads it where it knows no struct: the keys of every object sorted."""
    if isinstance(value, dict):
        return {key: _sorted(one) for key, one in sorted(value.items())}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _as_struct(item: Json) -> Json:
    """The object as docker's templates see it: Go structs, whose fields are there even where the JSON leaves them out, with Go's names."""
    out = dict(item)
    if "RootFS" in item:  # an image
        kept = {key: value for key, value in item["Config"].items() if value not in (None, "", [], {}, False)}
        if health := kept.get("Healthcheck"):
            kept["Healthcheck"] = {key: health[key] for key in _HEALTH_FIELDS if key in health}
        item = {**item, "Config": {key: kept[key] for key in (*_IMAGE_FIELDS, *sorted(set(kept) - set(_IMAGE_FIELDS))) if key in kept}}
        at = list(out).index("Author") + 1
        out = {key: item[key] for key in (*list(out)[:at], "Config", *(key for key in list(out)[at:] if key != "Config"))}
    defaults: dict[str, Json] = {"Config": dict.fromkeys(_FIELDS), "HostConfig": {}, "State": {"Health": None}}
    for part, fields in defaults.items():
        shown = item.get(part)
        if isinstance(shown, dict):
            whole = {**fields, **shown}
            fields_ = {_GO_NAMES.get(key, key): NilList() if value is None and key in _LISTS else value for key, value in whole.items()}
            out[part] = GoStruct(shown, fields_)
    if "Id" in item:
        return GoStruct(out, {"ID" if key == "Id" else key: value for key, value in out.items()})
    return out


def _executed(template: Template, item: Json) -> str:
    """Docker tries the struct, and where that has not what is asked for the JSON as it came. TemplateRunError of the latter."""
    try:
        return template.execute(_as_struct(item))
    except TemplateRunError:
        return template.execute(_sorted(item))


def _formatted(form: str, found: list[Json], terminal: Terminal) -> int:
    try:
        template = Template(form.replace("\\t", "\t").replace("\\n", "\n"), nil="<no value>")
    except TemplateSyntaxError as error:
        raise UsageError(f"template parsing error: {error.message}", exit_code=64) from None
    for item in found:
        try:
            terminal.line(_executed(template, item))
        except TemplateRunError as error:
            terminal.line("")
            terminal.complain(f"template parsing error: {error.message}")
            return 1
    return 0
