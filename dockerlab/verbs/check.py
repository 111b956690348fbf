"""`docker build --check`: what is probably not meant, as text or as BuildKit's JSON."""

from __future__ import annotations

import json
from typing import Any

from dockerlab.dockerfile import excerpt
from dockerlab.dockerfile.checks import BuildCheck
from dockerlab.engine import BuildOptions, Engine
from dockerlab.errors import BuildError, DockerfileError, DockerlabError
from dockerlab.verbs.dispatch import Terminal


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


def _ranges(lines: tuple[int, ...]) -> list[dict[str, Any]]:
    return [{"start": {"line": lines[0]}, "end": {"line": lines[-1]}}] if lines else []


def _json(text: str, name: str, found: list[BuildCheck], error: DockerlabError | None) -> dict[str, Any]:
    import base64

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
        "sources": [
            {"filename": name, "language": "Dockerfile", "data": base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()}
        ],
    }
    if error is not None:
        line = error.line if isinstance(error, (BuildError, DockerfileError)) else 0
        out["buildError"] = {"message": error.message, "location": {"ranges": _ranges((line,) if line else ())}}
    return out
