"""Verbs about volumes: ls, create, inspect, rm, prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, NotFoundError, UsageError
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.filters import boolean, label_matches, prune_filters, read_filters, spared_by_label
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed
from dockerlab.verbs.inspect import show, volume_of
from dockerlab.verbs.listing import show_list
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_HEADS = {
    "Driver": "DRIVER", "Name": "VOLUME NAME", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT", "Labels": "LABELS", "Links": "LINKS", "Size": "SIZE",
    "Availability": "AVAILABILITY", "Group": "GROUP", "Status": "STATUS",
}  # fmt: skip


def volume_row(item: Json) -> Json:
    """One line of `docker volume ls`; how many use it and its size are told by `system df` only."""
    labels = item["Labels"] or {}
    return {
        "Driver": item["Driver"],
        "Name": item["Name"],
        "Scope": item["Scope"],
        "Mountpoint": item["Mountpoint"],
        "Labels": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        "Links": "N/A",
        "Size": "N/A",
        "Availability": "N/A",
        "Group": "N/A",
        "Status": "N/A",
        "Label": lambda key: labels.get(key, ""),
    }


def volume_ls(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume ls [-q] [-f FILTER]`."""
    filters = read_filters(parsed.all("filter"), ("dangling", "driver", "label", "name"))
    used = {str(mount.get("Name")) for item in engine.containers(all=True) for mount in item["Mounts"]} if "dangling" in filters else set()
    chosen = [item for item in engine.volumes() if _kept(item, filters, used)]
    terminal.results.append(chosen)
    rows = [volume_row(item) for item in chosen]
    if parsed.on("quiet"):
        terminal.say("".join(f"{row['Name']}\n" for row in rows))
        return 0
    show_list(terminal, rows, parsed.text("format"), {"Driver": "DRIVER", "Name": "VOLUME NAME"}, _HEADS, "*formatter.volumeContext")
    return 0


def _kept(item: Json, filters: dict[str, list[str]], used: set[str]) -> bool:
    if "dangling" in filters and boolean("dangling", filters["dangling"][0]) == (item["Name"] in used):
        return False
    if "driver" in filters and item["Driver"] not in filters["driver"]:
        return False
    if "name" in filters and not any(part in item["Name"] for part in filters["name"]):
        return False
    return all(label_matches(item["Labels"] or {}, wanted) for wanted in filters.get("label", ()))


def volume_inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume inspect`."""
    return show(parsed, terminal, lambda name: volume_of(engine, name))


def volume_rm(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume rm [-f] VOLUME…`: with -f an unknown name is none."""

    def remove(name: str) -> None:
        try:
            engine.volume_remove(name)
        except NotFoundError:
            if not parsed.on("force"):
                raise

    return each_word(parsed, terminal, remove)


def volume_create(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume create [--label KEY=VALUE] [NAME]`; the name may stand behind --name too."""
    name = parsed.words[0] if parsed.words else ""
    if given := parsed.text("name"):
        if name:
            raise UsageError("conflicting options: cannot specify a volume-name through both --name and as a positional arg", exit_code=1)
        name = given
    if (driver := parsed.text("driver", "local")) != "local":
        shown = name or "a volume"
        raise DockerlabError(
            f'create {shown}: error looking up volume plugin {driver}: plugin "{driver}" not found', hint="the only driver here is local"
        )
    if parsed.all("opt"):
        raise UsageError(
            "docker volume create --opt: mounting needs root on this machine, so a volume here is always a plain folder",
            hint="mount a folder of this machine: run -v /HOST/FOLDER:/path",
            exit_code=1,
        )
    labels = {key: value for key, _, value in (text.partition("=") for text in parsed.all("label"))}
    terminal.line(engine.volume_create(name, labels))
    return 0


def volume_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume prune [-a] [-f] [--filter label=…]`: volumes without a name that nobody uses; with -a named ones too."""
    what = (
        "all local volumes not used by at least one container"
        if parsed.on("all")
        else "anonymous local volumes not used by at least one container"
    )
    filters = prune_filters(parsed, "label", "all")
    if not parsed.on("force") and not confirmed(terminal, f"WARNING! This will remove {what}."):
        return 0
    every = parsed.on("all") or any(boolean("all", text) for text in filters.get("all", ()))
    gone, size = engine.volume_prune(all=every, keep=lambda item: spared_by_label(item["Labels"] or {}, filters))
    if gone:
        terminal.say("Deleted Volumes:\n" + "".join(name + "\n" for name in gone) + "\n")
    terminal.line(f"Total reclaimed space: {human_size(size, 4)}")
    return 0
