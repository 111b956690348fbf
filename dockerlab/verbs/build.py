"""`docker build`: flags in, progress as BuildKit's plain lines to standard error, the image's ID where it was asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from dockerlab.build import BuildEvent, Built
from dockerlab.data import replace
from dockerlab.engine import BuildOptions, Engine
from dockerlab.errors import BuildError, DockerfileError, DockerlabError, UsageError
from dockerlab.oci import Reference
from dockerlab.verbs.classic import ClassicProgress, asked_for
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import stdin_of
from dockerlab.verbs.progress import BuildProgress, Phrase, Progress, RawJson


def options_of(parsed: Parsed, terminal: Terminal, *, text: str | None = None, exclude: tuple[str, ...] = ()) -> BuildOptions:
    """What the flags ask for. UsageError for a context that is not there."""
    path = parsed.words[0] if parsed.words else "."
    context: Any = None
    dockerfile = parsed.text("file")
    if dockerfile == "-":
        text, dockerfile = stdin_of(terminal).read().decode("utf-8", "surrogateescape"), ""
    if path == "-":
        context = stdin_of(terminal)
    else:
        context = os.path.join(terminal.cwd, path)
        if not os.path.isdir(context):
            raise UsageError(
                f'ERROR: failed to build: unable to prepare context: path "{path}" not found',
                hint="PATH is the folder that COPY takes from, often .",
                exit_code=1,
            )
        if dockerfile and not os.path.isabs(dockerfile):
            dockerfile = os.path.join(terminal.cwd, dockerfile)
        if dockerfile and text is None and not os.path.exists(dockerfile) and not os.path.isdir(os.path.dirname(dockerfile)):
            raise UsageError(
                f"ERROR: failed to build: resolve : lstat {os.path.dirname(dockerfile)}: no such file or directory", exit_code=1
            )
    platforms = [one for text_ in parsed.all("platform") for one in text_.split(",")]
    if len(platforms) > 1:
        raise UsageError(
            "ERROR: failed to build: Multi-platform build is not supported for the docker driver.", hint="name one platform", exit_code=1
        )
    return BuildOptions(
        context=context,
        dockerfile=dockerfile,
        dockerfile_text=text,
        tags=tuple(parsed.all("tag")),
        build_args={name: (value if equals else None) for name, equals, value in (one.partition("=") for one in parsed.all("build-arg"))},
        labels={name: value for name, _, value in (one.partition("=") for one in parsed.all("label"))},
        target=parsed.text("target"),
        no_cache=parsed.on("no-cache"),
        no_cache_filter=tuple(name for one in parsed.all("no-cache-filter") for name in one.split(",")),
        network=parsed.text("network", "default"),
        platform="".join(platforms),
        secrets=_secrets(parsed, terminal),
        add_hosts=tuple(parsed.all("add-host")),
        exclude=exclude,
        contexts=_contexts(parsed, terminal),
        trace=parsed.on("trace"),
        apart=parsed.text("progress") == "rawjson",
        pull=parsed.on("pull"),
        environment=terminal.environment,
    )


def _contexts(parsed: Parsed, terminal: Terminal) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in parsed.all("build-context"):
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"ERROR: invalid context value: {text}, expected key=value", hint="--build-context NAME=FOLDER", exit_code=1)
        out[name] = value if "://" in value else os.path.join(terminal.cwd, value)
    return out


def _secrets(parsed: Parsed, terminal: Terminal) -> dict[str, bytes]:
    out: dict[str, bytes] = {}
    for text in parsed.all("secret"):
        fields = {name: value for name, _, value in (part.partition("=") for part in text.split(","))}
        name = fields.get("id", "")
        path, variable = fields.get("src") or fields.get("source"), fields.get("env")
        if path:
            try:
                with open(os.path.join(terminal.cwd, path), "rb") as file:
                    out[name] = file.read()
            except OSError as error:
                raise UsageError(
                    f"ERROR: failed to build: failed to stat {path}: {os.strerror(error.errno or 0).lower()}", exit_code=1
                ) from None
        else:
            value = terminal.environment.get(variable or name)
            if value is None:
                raise UsageError(f"ERROR: failed to build: secret {name} has no src= and no env=", exit_code=1)
            out[name] = value.encode()
    return out


def build(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker build [OPTIONS] PATH`."""
    if parsed.on("no-cache"):
        engine.warm_up()
    call = parsed.text("call", "build")
    if parsed.on("check"):
        call = "check"
    classic = asked_for(parsed, terminal)
    options = replace(options_of(parsed, terminal), classic=classic)
    quiet = parsed.on("quiet") or parsed.text("progress") == "quiet"
    progress = progress_of(parsed, terminal, classic=classic)
    try:
        if call != "build":
            from dockerlab.verbs import check

            return check.call(call, options, engine, terminal)
        built = finished(engine.build(options), progress)
    except (BuildError, DockerfileError) as error:
        progress.failed(error)
        raise told(error, classic=classic) from None
    progress.warnings(built.warnings)
    if isinstance(progress, ClassicProgress):
        progress.tagged([Reference.parse(name).familiar for name in options.tags])
    outputs(parsed, engine, terminal, built, options)
    if quiet:
        terminal.line(built.image.id if not parsed.all("output") else "")
    terminal.results.append(built)
    return 0


def told(error: BuildError | DockerfileError, *, classic: bool) -> DockerlabError:
    """The error as the builder's client says it."""
    hint, code = error.hint, error.exit_code
    if isinstance(error, BuildError) and error.state_before[1]:
        step, name = error.state_before
        hint = f"a shell in the state before this step: dockerlab run --rm -it {f'--step {step} ' if step else ''}{name} sh"
    if not classic:
        return DockerlabError(f"ERROR: failed to build: failed to solve: {error.message}", hint=hint, excerpt=error.excerpt, exit_code=code)
    prefix = "Error response from daemon: " if isinstance(error, DockerfileError) else ""
    return DockerlabError(prefix + error.message, hint=hint, excerpt=error.excerpt, exit_code=code)


def progress_of(
    parsed: Parsed, terminal: Terminal, *, classic: bool, explain: bool = False, phrase: Phrase | None = None, text: str = ""
) -> BuildProgress:
    """The form that the flags ask for. A notebook explains without being asked, has its own phrases, and shows lines of its cell, which is `text`."""
    quiet = parsed.on("quiet") or parsed.text("progress") == "quiet"
    if classic:
        return ClassicProgress(terminal, quiet=quiet, named="builder" in parsed.flags)
    if parsed.on("trace"):
        from dockerlab.verbs.trace import Trace

        return Trace(terminal, phrase)
    if parsed.text("progress") == "rawjson":
        return RawJson(terminal)
    return Progress(terminal, quiet=quiet, explain=explain or parsed.on("explain"), phrase=phrase, text=text)


def finished(events: Iterator[BuildEvent], progress: BuildProgress) -> Built:
    """Show every event; the last one. An interrupt ends the step that runs, and is raised again."""
    try:
        for event in events:
            progress.show(event)
            if isinstance(event, Built):
                return event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    raise BuildError("the build ended without an image")


def outputs(parsed: Parsed, engine: Engine, terminal: Terminal, built: Built, options: BuildOptions) -> None:
    """What `--output` and `--iidfile` ask for."""
    if path := parsed.text("metadata-file"):
        names = {"image.name": ",".join(str(Reference.parse(tag)) for tag in options.tags)} if options.tags else {}
        digests = {"containerimage.config.digest": built.image.id, "containerimage.digest": built.image.id}
        with open(os.path.join(terminal.cwd, path), "w", encoding="utf-8") as file:
            json.dump({**digests, **names}, file, indent=2)
    if path := parsed.text("iidfile"):
        with open(os.path.join(terminal.cwd, path), "w", encoding="ascii") as file:
            file.write(built.image.id)
    for text in parsed.all("output"):
        fields = {name: value for name, _, value in (part.partition("=") for part in text.split(","))}
        kind, target = fields.get("type"), fields.get("dest", "")
        if kind is None and "=" not in text:
            kind, target = ("tar", "-") if text == "-" else ("local", text)
        target = target if target in ("", "-") else os.path.join(terminal.cwd, target)
        if kind == "local":
            engine.export_image(built.image.id, target)
        elif kind in ("docker", "oci"):
            from dockerlab.verbs.archives import write_output

            write_output(engine, options.tags[0] if options.tags else built.image.id, {**fields, "type": kind}, target, terminal)
        elif kind == "tar":
            from dockerlab.verbs.images import writer

            with writer(terminal) if target in ("", "-") else open(target, "wb") as stream:
                engine.export_image_tar(built.image.id, stream)
        elif kind not in ("image", None):
            raise UsageError(f"ERROR: failed to build: unknown exporter {kind!r}", hint="local, tar, docker or oci", exit_code=1)
