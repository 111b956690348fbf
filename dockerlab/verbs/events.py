"""`docker events`: what happened in the store, and what happens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.filters import label_matches, moment, read_filters
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import GoStruct, TemplateRunError, TemplateSyntaxError

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_WITH_WORDS = ("exec_create", "exec_start", "health_status")
"""Actions that have more behind a colon: a filter may leave it away."""


def events(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker events [--since TIME] [--until TIME] [-f FILTER] [--format FORMAT]`: without --until it goes on until Ctrl-C."""
    filters = read_filters(parsed.all("filter"), {text.partition("=")[0] for text in parsed.all("filter")})
    since, until = (_moment(parsed.text(name)) for name in ("since", "until"))
    form = parsed.text("format")
    try:
        template = Template("{{json .}}" if form == "json" else form.replace("\\t", "\t"), "*events.Message") if form else None
        for message in engine.events(since, until):
            if _wanted(message, filters):
                terminal.line(_text(message) if template is None else template.execute(_as_struct(message)))
    except TemplateSyntaxError as error:
        raise DockerlabError(f"Error parsing format: {error.message}", exit_code=64) from None
    except TemplateRunError as error:
        raise DockerlabError(f"Error parsing format: {error.message}", exit_code=1) from None
    return 0


def _moment(text: str) -> float | None:
    try:
        return moment(text, "time") if text else None
    except UsageError:
        message = f'failed to parse value as time or duration: "{text}"'
        raise DockerlabError(message, hint="write 10m, 2026-01-02T15:04:05, or seconds since 1970") from None


def _wanted(message: Json, filters: dict[str, list[str]]) -> bool:
    """As Docker compares (moby: daemon/events/filter.go): containers, networks and volumes by the beginning of a name or ID; unknown keys are no matter."""
    actor, attributes = message["Actor"]["ID"], message["Actor"]["Attributes"]
    events_ = filters.get("event", [])
    if events_ and message["Action"] not in events_:
        loose = any(one in _WITH_WORDS for one in events_)
        if not loose or not any(message["Action"].startswith(one) for one in events_):
            return False
    for key, value in (("type", message["Type"]), ("scope", message["scope"])):
        if key in filters and value not in filters[key]:
            return False
    for key in ("container", "volume", "network", "plugin"):
        if key in filters and not any(name.startswith(one) for one in filters[key] for name in (actor, attributes.get("name", ""))):
            return False
    if "image" in filters:
        name = attributes.get("name" if message["Type"] == "image" else "image", "")
        if not {actor, name, _without_tag(actor), _without_tag(name)} & set(filters["image"]):
            return False
    own = {key: value for key, value in attributes.items() if key not in ("image", "name")}
    return all(label_matches(own, wanted) for wanted in filters.get("label", ()))


def _without_tag(name: str) -> str:
    before, colon, tag = name.rpartition(":")
    return before if colon and "/" not in tag else name


def _text(message: Json) -> str:
    """`2026-01-02T03:04:05.678901234Z container start ID (image=busybox, name=web)`."""
    seconds, rest = divmod(message["timeNano"], 1_000_000_000)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", local) + f".{rest:09d}" + ("Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}")
    attributes = ", ".join(f"{key}={value}" for key, value in sorted(message["Actor"]["Attributes"].items()))
    return f"{shown} {message['Type']} {message['Action']} {message['Actor']['ID']}" + (f" ({attributes})" if attributes else "")


def _as_struct(message: Json) -> GoStruct:
    capital = {"Status": "status", "ID": "id", "From": "from", "Scope": "scope", "Time": "time", "TimeNano": "timeNano"}
    fields = {name: message.get(key, "") for name, key in capital.items()}
    return GoStruct(message, {**fields, **{key: message[key] for key in ("Type", "Action", "Actor")}})
