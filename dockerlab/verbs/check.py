"""`docker build --call check|outline|targets`: what is probably not meant, what a target takes, which targets there are; text or BuildKit's JSON."""

from __future__ import annotations

import base64
import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dockerlab.dockerfile import excerpt
from dockerlab.dockerfile.checks import BuildCheck
from dockerlab.engine import BuildOptions, Engine
from dockerlab.errors import BuildError, DockerfileError, DockerlabError
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.listing import align

if TYPE_CHECKING:
    from dockerlab.build.outline import Offer

Json = dict[str, Any]


def check(options: BuildOptions, engine: Engine, terminal: Terminal, form: str) -> int:
    """Look at a Dockerfile without building; 1 if something was found."""
    text, name, found, error = engine.check(options)
    terminal.complain(f"#1 [internal] load build definition from {name}\n#1 DONE 0.0s\n")
    if form == "json":
        terminal.line(json.dumps(_json(text, name, found, error), indent=2, ensure_ascii=False))
        return 1 if error is not None else 0
    if error is not None:
        raise DockerlabError(f"ERROR: failed to build: failed to solve: {error.message}", hint=error.hint, excerpt=error.excerpt)
    if not found:
        terminal.line("Check complete, no warnings found.")
        return 0
    terminal.line(f"Check complete, {len(found)} warning{'s have' if len(found) > 1 else ' has'} been found!")
    for one in found:
        terminal.line(f"\nWARNING: {one.rule} - {one.url}\n{one.detail}\n")
        if one.lines:
            terminal.line(excerpt(name, text, one.lines[0], one.lines[-1]))
    return 1


def call(method: str, options: BuildOptions, engine: Engine, terminal: Terminal) -> int:
    """`--call METHOD[,format=json]`. DockerlabError in BuildKit's words for a method that is none."""
    name, _, rest = method.partition(",")
    form = "json" if rest == "format=json" else ""
    if name in ("check", "lint"):
        return check(options, engine, terminal, form)
    if name == "targets":
        return targets(options, engine, terminal, form)
    if name == "outline":
        return outline(options, engine, terminal, form)
    close = get_close_matches(name, ("build", "check", "outline", "targets"), 1)
    raise DockerlabError(
        f"ERROR: failed to build: failed to solve: unsupported request frontend.{name}",
        hint=f"did you mean --call {close[0]}?" if close else "--call takes build, check, outline or targets",
    )


def targets(options: BuildOptions, engine: Engine, terminal: Terminal, form: str) -> int:
    """Every stage by its name; the last is what is built by default."""
    text, found = engine.targets(options)
    if form == "json":
        shown = [
            {
                **({"name": one.name} if one.name else {}),
                **({"default": True} if one.default else {}),
                **({"description": one.description} if one.description else {}),
                "base": one.base,
                "location": {"ranges": _ranges(one.lines)},
            }
            for one in found
        ]
        terminal.line(json.dumps({"targets": shown, "sources": [_encoded(text)]}, indent=2, ensure_ascii=False))
        return 0
    rows = [["TARGET", "DESCRIPTION"]]
    rows += [[" ".join(filter(None, (one.name, "(default)" if one.default else ""))), one.description] for one in found]
    terminal.say(align(rows, 0, 1))
    return 0


def outline(options: BuildOptions, engine: Engine, terminal: Terminal, form: str) -> int:
    """The arguments, secrets and agents that the target takes."""
    text, found = engine.outline(options)
    if form == "json":
        out: Json = {key: value for key, value in (("name", found.name), ("description", found.description)) if value}
        for key, offers in (("args", found.arguments), ("secrets", found.secrets), ("ssh", found.agents)):
            if offers:
                out[key] = [_offer(one) for one in offers]
        terminal.line(json.dumps({**out, "sources": [_encoded(text)]}, indent=2, ensure_ascii=False))
        return 0
    if found.name:
        described = [["DESCRIPTION:", found.description]] if found.description else []
        terminal.say(align([["TARGET:", found.name], *described], 0, 1) + "\n")
    if found.arguments:
        rows = [[one.name, one.value or "", one.description] for one in found.arguments]
        terminal.say(align([["BUILD ARG", "VALUE", "DESCRIPTION"], *rows], 0) + "\n")
    for head, offers in (("SECRET", found.secrets), ("SSH", found.agents)):
        if offers:
            terminal.say(align([[head, "REQUIRED"], *([one.name, "true" if one.required else ""] for one in offers)], 0) + "\n")
    return 0


def _offer(one: Offer) -> Json:
    out: Json = {"name": one.name}
    if one.description:
        out["description"] = one.description
    if one.value:
        out["value"] = one.value
    if one.required:
        out["required"] = True
    return {**out, "location": {"ranges": _ranges(one.lines)}}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def _ranges(lines: tuple[int, ...]) -> list[Json]:
    """BuildKit's ranges: each line for itself."""
    return [{"start": {"line": line}, "end": {"line": line}} for line in lines]


def _json(text: str, name: str, found: list[BuildCheck], error: DockerlabError | None) -> dict[str, Any]:
    warnings = [
        {
            "ruleName": one.rule,
            "description": one.description,
            "url": one.url,
            "detail": one.detail,
            "location": {"ranges": _ranges(one.lines)},
        }
        for one in found
    ]
    out: dict[str, Any] = {
        "warnings": warnings,
        "sources": [{"filename": name, "language": "Dockerfile", "data": _encoded(text)}],
    }
    if error is not None:
        unplaced = isinstance(error, BuildError) and error.unplaced
        line = error.line if isinstance(error, (BuildError, DockerfileError)) and not unplaced else 0
        out["buildError"] = {"message": error.message, "location": {"ranges": _ranges((line,) if line else ())}}
    return out
