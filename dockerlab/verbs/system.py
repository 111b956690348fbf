"""Verbs about the engine itself: info, version, volume ls, network ls, builder prune, context show."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError, NotFoundError
from dockerlab.oci import own_architecture
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed, refuse_flags
from dockerlab.verbs.inspect import show, volume_of
from dockerlab.verbs.listing import show_list
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import TemplateRunError, TemplateSyntaxError
from dockerlab.verbs.units import human_size

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]


def _formatted(form: str, data: Json, go_type: str, name: str) -> str:
    try:
        return Template(form, go_type, name=name).execute(data)
    except TemplateSyntaxError as error:
        raise DockerlabError(error.message, exit_code=64) from None
    except TemplateRunError as error:
        raise DockerlabError(error.message, exit_code=1) from None


def info(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker info`."""
    found = engine.info()
    terminal.results.append(found)
    form = parsed.text("format")
    if form == "json":
        terminal.line(json.dumps(found, ensure_ascii=False))
    elif form:
        try:
            terminal.line(_formatted(form, found, "system.dockerInfo", ""))
        except DockerlabError:
            terminal.line("")
            raise
    else:
        terminal.say("".join(f" {key}: {value}\n" for key, value in found.items() if not isinstance(value, dict)))
    return 0


def version(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker version`."""
    from dockerlab import __version__

    common = {
        "ApiVersion": "1.51",
        "Arch": own_architecture(),
        "BuildTime": "",
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Version": __version__,
    }
    server: Json = {
        **common,
        "MinAPIVersion": "1.24",
        "KernelVersion": platform.release(),
        "Platform": {"Name": "dockerlab, embedded engine"},
    }
    server["Components"] = [
        {
            "Name": "Engine",
            "Version": __version__,
            "Details": {"ApiVersion": "1.51", "Arch": own_architecture(), "Os": "linux", "KernelVersion": platform.release()},
        }
    ]
    found: Json = {"Client": {**common, "Context": "default", "DefaultAPIVersion": "1.51"}, "Server": server}
    form = parsed.text("format")
    if form == "json":
        terminal.line(json.dumps(found))
    elif form:
        for part in found.values():
            part["APIVersion"] = part["ApiVersion"]
        try:
            terminal.line(_formatted(form, found, "system.versionInfo", "version"))
        except DockerlabError:
            terminal.line("")
            raise
    else:
        terminal.say(
            f"Client: dockerlab {__version__}\nServer: dockerlab {__version__}, embedded engine (no daemon), speaks as Docker 28.5\n"
        )
    return 0


def volume_ls(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume ls`."""
    rows = [
        {"Driver": item["Driver"], "Name": item["Name"], "Mountpoint": item["Mountpoint"], "Scope": "local", "Labels": ""}
        for item in engine.volumes()
    ]
    if parsed.on("quiet"):
        terminal.say("".join(f"{row['Name']}\n" for row in rows))
        return 0
    heads = {"Driver": "DRIVER", "Name": "VOLUME NAME", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT", "Labels": "LABELS"}
    show_list(terminal, rows, parsed.text("format"), {"Driver": "DRIVER", "Name": "VOLUME NAME"}, heads, "*formatter.volumeContext")
    return 0


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
    """`docker volume create [NAME]`."""
    terminal.line(engine.volume_create(parsed.words[0] if parsed.words else ""))
    return 0


def volume_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker volume prune [-a] [-f]`: volumes without a name that nobody uses; with -a named ones too."""
    refuse_flags(parsed, "filter")
    what = (
        "all local volumes not used by at least one container"
        if parsed.on("all")
        else "anonymous local volumes not used by at least one container"
    )
    if not parsed.on("force") and not confirmed(terminal, f"WARNING! This will remove {what}."):
        return 0
    gone, size = engine.volume_prune(all=parsed.on("all"))
    if gone:
        terminal.say("Deleted Volumes:\n" + "".join(name + "\n" for name in gone) + "\n")
    terminal.line(f"Total reclaimed space: {human_size(size)}")
    return 0


def network_ls(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker network ls`: what --network may name."""
    rows = [
        {"ID": "-" * 12, "Name": name, "Driver": driver, "Scope": "local"}
        for name, driver in (("bridge", "bridge"), ("host", "host"), ("none", "null"))
    ]
    if parsed.on("quiet"):
        terminal.say("".join(f"{row['ID']}\n" for row in rows))
        return 0
    heads = {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE"}
    show_list(terminal, rows, parsed.text("format"), heads, heads, "*formatter.networkContext")
    return 0


def builder_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker builder prune [-a] [-f]`."""
    refuse_flags(parsed, "filter", "reserved-space", "max-used-space", "min-free-space")
    if not parsed.on("force") and not confirmed(terminal, "WARNING! This will remove all dangling build cache."):
        return 0
    terminal.line(f"Total:\t{human_size(engine.prune_build_cache())}")
    return 0


def context_show(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context show`."""
    terminal.line("default")
    return 0
