"""Verbs about containers that are there: ps, logs, stop, kill, rm, rename, diff, commit, wait, port, pause, prune."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.filters import boolean, label_matches, moment, name_matches, prune_filters, read_filters, spared_by_label
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed
from dockerlab.verbs.listing import IN_PS, render, show_list
from dockerlab.verbs.units import ago, cut, human_duration, human_size, shown_time

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
HEADS = {
    "ID": "CONTAINER ID", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT", "RunningFor": "CREATED", "Status": "STATUS",
    "Ports": "PORTS", "Names": "NAMES", "State": "STATE", "Size": "SIZE", "Labels": "LABELS", "Mounts": "MOUNTS", "Networks": "NETWORKS",
    "LocalVolumes": "LOCAL VOLUMES", "Platform": "PLATFORM",
}  # fmt: skip
_FILTERS = (
    "name",
    "id",
    "label",
    "status",
    "exited",
    "ancestor",
    "before",
    "since",
    "volume",
    "network",
    "publish",
    "expose",
    "health",
    "is-task",
)
_TYPE = "*formatter.ContainerContext"
_NOBODY: Json = {
    **dict.fromkeys(HEADS, ""), "Image": "<no image>", "Command": '""', "CreatedAt": "1970-01-01 00:00:00 +0000 UTC", "RunningFor": "56 years ago",
    "LocalVolumes": "0", "Size": "0B", "Platform": None, "Label": lambda key: "",
}  # fmt: skip
"""Docker tries a template on a container of nothing before it looks for any: what fails there fails."""
_HEALTH = ("none", "starting", "healthy", "unhealthy")
_STATES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")


def ps(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker ps`."""
    form = parsed.text("format")
    if form not in ("", "table"):
        render([_NOBODY], form, {}, HEADS, _TYPE, problems=IN_PS)
    chosen = _filtered(engine, parsed)
    terminal.results.append(chosen)
    long = parsed.on("no-trunc")
    if parsed.on("quiet"):
        if form:
            terminal.complain("WARNING: Ignoring custom format, because both --format and --quiet are set.")
        terminal.say("".join((item["Id"] if long else short_id(item["Id"])) + "\n" for item in chosen))
        return 0
    rows = [row(item, engine, long, parsed.on("size") or "Size" in form) for item in chosen]
    columns = {name: HEADS[name] for name in ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")}
    if parsed.on("size"):
        columns["Size"] = HEADS["Size"]
    show_list(terminal, rows, form, columns, HEADS, _TYPE, problems=IN_PS)
    return 0


def _filtered(engine: Engine, parsed: Parsed) -> list[Json]:
    filters = read_filters(parsed.all("filter"), _FILTERS)
    for key, known in (("status", _STATES), ("health", _HEALTH)):
        for value in filters.get(key, ()):
            if value not in known:
                raise DockerlabError(f"invalid filter '{key}={value}'", hint="one of " + ", ".join(known))
    last = parsed.number("last")
    last = 1 if parsed.on("latest") else (last if last is not None and last > 0 else None)
    everything = engine.containers(all=True)
    show_ended = parsed.on("all") or last is not None or "status" in filters or "exited" in filters
    out = [item for item in everything if show_ended or item["State"]["Running"]]
    for key in ("before", "since"):
        for name in filters.get(key, ()):
            edge = engine.container_inspect(name)["Id"]
            at = [item["Id"] for item in everything].index(edge)
            allowed = {item["Id"] for item in (everything[at + 1 :] if key == "before" else everything[:at])}
            out = [item for item in out if item["Id"] in allowed]
    for ancestor in filters.get("ancestor", ())[:1]:
        wanted = set()
        for name in filters["ancestor"]:
            try:
                wanted.add(engine.image_inspect(name)["Id"])
            except DockerlabError:
                continue
        out = [item for item in out if item["Image"] in wanted] if ancestor else out
    out = [item for item in out if _kept(item, filters)]
    return out[:last] if last is not None else out


def _kept(item: Json, filters: dict[str, list[str]]) -> bool:
    state = item["State"]
    tests: dict[str, Callable[[str], bool]] = {
        "name": lambda value: name_matches(value, item["Name"][1:]),
        "health": lambda value: value == (state.get("Health") or {"Status": "none"})["Status"],
        "is-task": lambda value: not boolean("is-task", value),
        "id": lambda value: item["Id"].startswith(value),
        "status": lambda value: state["Status"] == value,
        "exited": lambda value: state["Status"] == "exited" and str(state["ExitCode"]) == value,
        "volume": lambda value: any(value in (mount.get("Name"), mount["Destination"]) for mount in item["Mounts"]),
        "network": lambda value: value in item["NetworkSettings"]["Networks"],
        "publish": lambda value: any(value.split("/")[0] == port.split("/")[0] for port in item["NetworkSettings"]["Ports"]),
        "expose": lambda value: any(value.split("/")[0] == port.split("/")[0] for port in item["Config"].get("ExposedPorts") or {}),
    }
    if not all(label_matches(item["Config"]["Labels"], wanted) for wanted in filters.get("label", ())):
        return False
    return all(any(test(value) for value in filters[key]) for key, test in tests.items() if key in filters)


def status_text(state: Json) -> str:
    """`Up 5 minutes`, `Exited (0) 2 hours ago`, `Created`."""
    from dockerlab.oci.timestamps import to_seconds

    if state["Restarting"]:
        return f"Restarting ({state['ExitCode']}) {ago(to_seconds(state['FinishedAt']))}"
    if state["Running"]:
        up = "Up " + human_duration(time.time() - to_seconds(state["StartedAt"]))
        return up + (" (Paused)" if state["Paused"] else _health_text(state))
    if state["Status"] == "created":
        return "Created"
    finished = to_seconds(state["FinishedAt"])
    return f"Exited ({state['ExitCode']}) {ago(finished)}"


def _health_text(state: Json) -> str:
    health = (state.get("Health") or {}).get("Status")
    return f" ({'health: ' if health == 'starting' else ''}{health})" if health else ""


def ports_text(ports: Json) -> str:
    """`127.0.0.1:8080->80/tcp, 81/tcp`."""
    out = []
    for port, bound in ports.items():
        if not bound:
            out.append(port)
        out += [f"{_address(one)}->{port}" for one in bound or []]
    return ", ".join(out)


def _address(bound: Json) -> str:
    """`127.0.0.1:8080`, `[::]:8080`. (Go: net.JoinHostPort)"""
    return f"[{bound['HostIp']}]:{bound['HostPort']}" if ":" in bound["HostIp"] else f"{bound['HostIp']}:{bound['HostPort']}"


def row(item: Json, engine: Engine, long: bool, with_size: bool) -> Json:
    """One line of `docker ps`."""
    from dockerlab.oci.timestamps import to_seconds

    command = " ".join(_quoted(word) for word in [item["Path"], *item["Args"]])
    created = to_seconds(item["Created"])
    named = [mount.get("Name") or mount["Source"] for mount in item["Mounts"]]
    return {
        "ID": item["Id"] if long else short_id(item["Id"]),
        "Image": _image_name(item, engine, long),
        "Command": '"' + (command if long else cut(command, 20)) + '"',
        "CreatedAt": shown_time(created),
        "RunningFor": ago(created),
        "Status": status_text(item["State"]),
        "State": item["State"]["Status"],
        "Ports": ports_text(item["NetworkSettings"]["Ports"]),
        "Names": item["Name"][1:],
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(item["Config"]["Labels"].items())),
        "LocalVolumes": str(sum(mount["Type"] == "volume" for mount in item["Mounts"])),
        "Mounts": ",".join(name if long else cut(name, 15) for name in named),
        "Networks": ",".join(item["NetworkSettings"]["Networks"]),
        "Size": _size(item, engine) if with_size else "0B",
        "Platform": None,
        "Label": lambda key: item["Config"]["Labels"].get(key, ""),
    }


def _quoted(word: str) -> str:
    return f"'{word}'" if re.search(r"\s", word) else word


def _image_name(item: Json, engine: Engine, long: bool) -> str:
    name = item["Config"]["Image"]
    if re.fullmatch(r"(sha256:)?[0-9a-f]{12,64}", name):
        return str(name) if long else short_id(name)
    try:
        if engine.image_inspect(name)["Id"] == item["Image"]:
            return str(name)
    except DockerlabError:
        pass
    return str(item["Image"]) if long else short_id(item["Image"])  # the name has moved on, or is gone


def _size(item: Json, engine: Engine) -> str:
    own, whole = sizes(item, engine)
    return f"{human_size(own)} (virtual {human_size(whole)})"


def sizes(item: Json, engine: Engine) -> tuple[int, int]:
    """(bytes in its own layer, bytes with the image's layers)."""
    return engine.container_sizes(item["Id"])


def stop(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker stop [-t SECONDS] CONTAINER…`."""
    timeout = parsed.number("timeout") if "timeout" in parsed.flags else parsed.number("time")
    return each_word(parsed, terminal, lambda name: engine.stop(name, timeout))


def restart(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker restart CONTAINER…`."""
    timeout = parsed.number("timeout") if "timeout" in parsed.flags else parsed.number("time")

    return each_word(parsed, terminal, lambda name: engine.restart(name, timeout))


def kill(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker kill [-s SIGNAL] CONTAINER…`."""
    return each_word(parsed, terminal, lambda name: engine.kill(name, parsed.text("signal", "KILL")))


def pause(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker pause CONTAINER…`."""
    return each_word(parsed, terminal, lambda name: engine.pause(name))


def unpause(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker unpause CONTAINER…`."""
    return each_word(parsed, terminal, lambda name: engine.unpause(name))


def rm(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker rm [-f] [-v] CONTAINER…`."""
    return each_word(parsed, terminal, lambda name: engine.remove(name, force=parsed.on("force"), volumes=parsed.on("volumes")))


def rename(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker rename OLD NEW`."""
    try:
        engine.rename(*parsed.words)
    except DockerlabError as error:
        error.exit_code = 1
        raise
    return 0


def wait(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker wait CONTAINER…`: the exit code of each."""
    return each_word(parsed, terminal, lambda name: str(engine.wait(name)))


def diff(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker diff CONTAINER`."""
    found = engine.diff(parsed.words[0])
    terminal.results.append(found)
    if parsed.on("json"):
        import json

        terminal.line(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    terminal.say("".join(f"{change['Kind']} {change['Path']}\n" for change in found))
    return 0


def commit(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker commit [-m MESSAGE] [-a AUTHOR] [-c CHANGE] CONTAINER [REPOSITORY[:TAG]]`."""
    reference = parsed.words[1] if len(parsed.words) > 1 else ""
    identifier = engine.commit(
        parsed.words[0],
        reference,
        message=parsed.text("message"),
        author=parsed.text("author"),
        changes=parsed.all("change"),
        pause=parsed.flags.get("pause", True),
    )
    terminal.results.append(identifier)
    terminal.line(identifier)
    return 0


def logs(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker logs [-f] [-n N] [-t] CONTAINER`."""
    text = parsed.text("tail", "all")
    tail = int(text) if re.fullmatch(r"\d+", text) else None
    since, until = (moment(parsed.text(name), name) if parsed.text(name) else None for name in ("since", "until"))
    terminal_like = bool(engine.container_inspect(parsed.words[0])["Config"]["Tty"])
    from dockerlab.oci.timestamps import rfc3339

    for at, stream, data in engine.logs(parsed.words[0], follow=parsed.on("follow"), tail=tail):
        if (since is not None and at < since) or (until is not None and at > until):
            continue
        prefix = (rfc3339(at) + " " if parsed.on("timestamps") else "") + (" " if parsed.on("details") else "")
        write = terminal.write_error if stream == "stderr" and not terminal_like else terminal.write
        write(prefix.encode() + data)
    return 0


def port(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker port CONTAINER [PORT]`."""
    ports = engine.container_inspect(parsed.words[0])["NetworkSettings"]["Ports"]
    if len(parsed.words) > 1:
        wanted = parsed.words[1] if "/" in parsed.words[1] else parsed.words[1] + "/tcp"
        bound = ports.get(wanted)
        if not bound:
            raise DockerlabError(
                f"Error: No public port '{parsed.words[1]}' published for {parsed.words[0]}",
                hint="publish it when the container starts: run -p 8080:80",
            )
        terminal.say("".join(f"{_address(one)}\n" for one in bound))
        return 0
    lines = [f"{name} -> {_address(one)}\n" for name, bound in sorted(ports.items()) for one in bound or []]
    terminal.say("".join(lines))
    return 0


def container_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker container prune [-f]`."""
    filters = prune_filters(parsed, "label", "until")
    if not parsed.on("force") and not confirmed(terminal, "WARNING! This will remove all stopped containers."):
        return 0
    gone, freed = prune_ended(engine, filters)
    if gone:
        terminal.say("Deleted Containers:\n" + "".join(identifier + "\n" for identifier in gone) + "\n")
    terminal.line(f"Total reclaimed space: {human_size(freed, 4)}")
    return 0


def prune_ended(engine: Engine, filters: dict[str, list[str]]) -> tuple[list[str], int]:
    """Remove the containers that do not run and that a prune's filters do not spare: their IDs, and the bytes set free."""
    from dockerlab.oci.timestamps import to_seconds

    edges = [moment(text, "until") for text in filters.get("until", ())]
    return engine.prune_containers(
        lambda item: spared_by_label(item["Config"]["Labels"], filters) or any(to_seconds(item["Created"]) > edge for edge in edges)
    )
