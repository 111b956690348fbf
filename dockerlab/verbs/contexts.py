"""`docker context`: the one context that there is, this engine; no other could be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dockerlab.errors import ConflictError, NotFoundError, UsageError
from dockerlab.verbs.dispatch import Terminal, each_word
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.inspect import show
from dockerlab.verbs.listing import show_list

if TYPE_CHECKING:
    from dockerlab.engine import Engine

Json = dict[str, Any]
_HEADS = {"Name": "NAME", "Description": "DESCRIPTION", "DockerEndpoint": "DOCKER ENDPOINT", "Error": "ERROR"}
_HERE = "dockerlab, embedded engine"


def _refusal(verb: str) -> UsageError:
    return UsageError(
        f"docker {verb}: dockerlab speaks to its own engine only", hint="default is the one context that there is", exit_code=1
    )


def context_ls(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context ls [-q]`."""
    if parsed.on("quiet"):
        terminal.line("default")
        return 0
    row = {
        "Name": "default",
        "Description": "Current DOCKER_HOST based configuration",
        "DockerEndpoint": _HERE,
        "Error": "",
        "Current": True,
    }
    form = parsed.text("format")
    shown = {**row, "Name": "default *"} if form in ("", "table") else row
    show_list(terminal, [shown], form, _HEADS, _HEADS, "*formatter.clientContextContext")
    return 0


def context_show(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context show`."""
    terminal.line("default")
    return 0


def context_inspect(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context inspect [CONTEXT…]`."""

    def find(name: str) -> Json:
        if name != "default":
            raise NotFoundError(f'context "{name}": context not found', hint="default is the one context that there is")
        return {
            "Name": "default",
            "Metadata": {},
            "Endpoints": {"docker": {"Host": _HERE, "SkipTLSVerify": False}},
            "TLSMaterial": {},
            "Storage": {"MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"},
        }

    parsed.words = parsed.words or ["default"]
    return show(parsed, terminal, find)


def context_use(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context use default`."""
    if parsed.words[0] != "default":
        raise NotFoundError(f'context "{parsed.words[0]}": context not found', hint="default is the one context that there is")
    terminal.line("default")
    return 0


def context_rm(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context rm`: the one that there is stays."""

    def remove(name: str) -> str:
        if name == "default":
            raise ConflictError('context "default" cannot be removed')
        raise NotFoundError(f'context "{name}": context not found')

    return each_word(parsed, terminal, remove)


def context_create(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker context create`: refused, with the reason."""
    raise _refusal(parsed.verb)


context_export = context_import = context_update = context_create
