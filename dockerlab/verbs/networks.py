"""Verbs about networks: the three that Docker always has. One of one's own is refused: containers here can't reach one another by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dockerlab.errors import ConflictError, DockerlabError, NotFoundError, UsageError
from dockerlab.oci import short_id
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.filters import boolean, label_matches, prune_filters, read_filters
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed
from dockerlab.verbs.inspect import show
from dockerlab.verbs.listing import show_list
from dockerlab.verbs.units import shown_time

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_HEADS = {
    "ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "IPv4": "IPV4", "IPv6": "IPV6", "Internal": "INTERNAL",
    "Labels": "LABELS", "CreatedAt": "CREATED AT",
}  # fmt: skip
_COLUMNS = {name: _HEADS[name] for name in ("ID", "Name", "Driver", "Scope")}
_OWN = "a container here has its own network with nothing but loopback and its published ports, so no other could be reached by name"
_INSTEAD = "publish a port (-p) and use the address of this machine, or let both use --network host"


def network_ls(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network ls [-q] [-f FILTER]`."""
    filters = read_filters(parsed.all("filter"), ("dangling", "driver", "id", "label", "name", "scope", "type"))
    for kind in filters.get("type", ()):
        if kind not in ("builtin", "custom"):
            raise DockerlabError(f"invalid filter 'type={kind}'", hint="one of builtin, custom")
    used = (
        {name for item in engine.containers(all=True) for name in item["NetworkSettings"]["Networks"]} if "dangling" in filters else set()
    )
    chosen = [item for item in engine.networks() if _kept(item, filters, used)]
    terminal.results.append(chosen)
    rows = [_row(item, parsed.on("no-trunc")) for item in chosen]
    if parsed.on("quiet"):
        terminal.say("".join(f"{row['ID']}\n" for row in rows))
        return 0
    show_list(terminal, rows, parsed.text("format"), _COLUMNS, _HEADS, "*network.networkContext")
    return 0


def _kept(item: Json, filters: dict[str, list[str]], used: set[str]) -> bool:
    if "dangling" in filters and boolean("dangling", filters["dangling"][0]):  # one of Docker's own is never in the way
        return False
    tests: dict[str, Callable[[str], bool]] = {
        "driver": lambda value: item["Driver"] == value,
        "id": lambda value: value in item["Id"],
        "name": lambda value: value in item["Name"],
        "scope": lambda value: item["Scope"] == value,
        "type": lambda value: value == "builtin",
    }
    if not all(label_matches(item["Labels"], wanted) for wanted in filters.get("label", ())):
        return False
    return all(any(test(value) for value in filters[key]) for key, test in tests.items() if key in filters)


def _row(item: Json, long: bool) -> Json:
    from dockerlab.oci.timestamps import to_seconds

    return {
        "ID": item["Id"] if long else short_id(item["Id"]),
        "Name": item["Name"],
        "Driver": item["Driver"],
        "Scope": item["Scope"],
        "IPv4": str(item["EnableIPv4"]).lower(),
        "IPv6": str(item["EnableIPv6"]).lower(),
        "Internal": str(item["Internal"]).lower(),
        "Labels": "",
        "CreatedAt": shown_time(to_seconds(item["Created"])),
        "Label": lambda key: "",
    }


def network_of(engine: Engine, name: str) -> Json:
    """A network by its name or the beginning of its ID. NotFoundError in docker's words."""
    found = engine.networks()
    for item in found:
        if name in (item["Name"], item["Id"]):
            return item
    close = [item for item in found if name and item["Id"].startswith(name)]
    if len(close) != 1:
        raise NotFoundError(f"network {name} not found", hint="dockerlab network ls lists all networks")
    return close[0]


def network_inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network inspect NETWORK…`."""
    return show(parsed, terminal, lambda name: network_of(engine, name))


def network_create(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network create`: refused, with the reason."""
    name = parsed.words[0]
    if name in ("bridge", "host", "none", "default"):
        raise ConflictError(f"operation is not permitted on predefined {name} network")
    raise UsageError(f"docker network create: {name} can't be made: {_OWN}", hint=_INSTEAD, exit_code=1)


def network_rm(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network rm [-f] NETWORK…`: none of Docker's own can go."""

    def remove(name: str) -> str:
        found = network_of(engine, name)
        raise ConflictError(f"{found['Name']} is a pre-defined network and cannot be removed")

    return each_word(parsed, terminal, remove)


def network_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network prune [-f]`: there is never one of one's own."""
    prune_filters(parsed, "label", "until")
    if not parsed.on("force"):
        confirmed(terminal, "WARNING! This will remove all custom networks not used by at least one container.")
    return 0


def network_connect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network connect NETWORK CONTAINER`: refused, with the reason."""
    return _change(parsed, engine, "connected to")


def network_disconnect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network disconnect NETWORK CONTAINER`: refused, with the reason."""
    return _change(parsed, engine, "disconnected from")


def _change(parsed: Parsed, engine: Engine, what: str) -> int:
    network, name = network_of(engine, parsed.words[0]), parsed.words[1]
    container = engine.container_inspect(name)
    if network["Name"] == "host" or container["HostConfig"]["NetworkMode"] == "host":
        raise ConflictError(f"container cannot be {what} host network")
    raise UsageError(
        f"docker {parsed.verb}: {name} can't be {what} {network['Name']}: a container here has the network that it was made with",
        hint="make it anew with --network bridge, host or none",
        exit_code=1,
    )
