"""Verbs about the engine itself: info, version, builder prune."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dockerlab.errors import DockerlabError
from dockerlab.oci import own_architecture
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import confirmed, refuse_flags
from dockerlab.verbs.template import Template
from dockerlab.verbs.template_functions import TemplateRunError, TemplateSyntaxError
from dockerlab.verbs.units import ago, human_size

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
        terminal.say("".join(f" {key}: {value}\n" for key, value in found.items() if not isinstance(value, (dict, list))))
        for text in found["Warnings"] or ():
            terminal.complain(text)
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
    server = engine.version()
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
            f"Client: dockerlab {__version__}\nServer: {server['Platform']['Name']} {server['Version']}, speaks version {server['ApiVersion']} of Docker's API\n"
        )
    return 0


def builder_prune(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker builder prune [-a] [-f]`: what no image holds, or everything."""
    refuse_flags(parsed, "filter", "reserved-space", "max-used-space", "min-free-space")
    everything = parsed.on("all")
    what = "all build cache" if everything else "all dangling build cache"
    if not parsed.on("force") and not confirmed(terminal, f"WARNING! This will remove {what}."):
        return 0
    steps, freed = engine.prune_build_cache(all=everything)
    if steps:
        terminal.line("ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED")
    for step in steps:
        terminal.line(f"{step['ID']:<40}\ttrue \t\t{human_size(step['Size']):<10}\t{ago(step['CreatedAt'])}")
    terminal.line(f"Total:\t{human_size(freed)}")
    return 0
