"""`docker build` on the embedded engine: the builder with our store, runtime and names, and the tags at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dockerlab.build import BuildContext, Builder, BuildEvent, BuildRequest, Built
from dockerlab.build.context import unpack_context
from dockerlab.data import replace
from dockerlab.dockerfile import parse
from dockerlab.engine.happenings import tell_image
from dockerlab.engine.specs import BuildOptions
from dockerlab.errors import BuildError, InvalidReferenceError, UsageError
from dockerlab.oci import Reference
from dockerlab.store import Store


def build(store: Store, builder: Builder, options: BuildOptions) -> Iterator[BuildEvent]:
    """Build; the tags are set before `Built` is yielded."""
    names = checked_tags(options)
    with store.tmp() as scratch:
        options = without_store(options, store)
        request = request_of(options, *source_of(options, scratch))
        for event in builder.build(request):
            if isinstance(event, Built):
                for name in names:
                    store.images.tag(event.image.id, name)
                for text in options.tags:
                    tell_image(store, "tag", event.image, text)
                tell_image(store, "create", event.image)
            yield event


def checked_tags(options: BuildOptions) -> list[Reference]:
    """The names that an image is to get. UsageError in buildx's words for one that is none."""
    return [_tag(text) for text in options.tags]


def _tag(text: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReferenceError as error:
        raise UsageError(f'ERROR: failed to build: invalid tag "{text}": {error.message}', hint=error.hint, exit_code=1) from None


def without_store(options: BuildOptions, store: Store) -> BuildOptions:
    """A store inside of the build context is left out of it: a COPY of everything would copy what it is writing, without end."""
    if not isinstance(options.context, str):
        return options
    rel = os.path.relpath(os.path.realpath(store.home), os.path.realpath(options.context))
    if rel == os.curdir or rel.startswith(os.pardir):
        return options
    literal = "".join("\\" + letter if letter in "*?[]\\!#" else letter for letter in rel)
    return replace(options, exclude=(*options.exclude, literal))


def source_of(options: BuildOptions, scratch: Path) -> tuple[str, str, BuildContext]:
    """(the Dockerfile's text, its name, the context)."""
    text, name, context = options.dockerfile_text, "Dockerfile", None
    source = options.context
    if source is not None and not isinstance(source, str):
        kind, body = unpack_context(source, scratch / "context")
        if kind == "dockerfile":
            text = body if text is None else text
            context = _empty(scratch)
        else:
            context = BuildContext(scratch / "context", exclude=options.exclude)
            if text is None:
                text, name = _dockerfile(
                    str(scratch / "context"), os.path.join(scratch / "context", options.dockerfile or "Dockerfile"), options.dockerfile
                )
    elif source is None:
        context = _empty(scratch)
    elif text is None:
        path = options.dockerfile or os.path.join(source, "Dockerfile")
        if not options.dockerfile and not os.path.exists(path) and os.path.exists(os.path.join(source, "dockerfile")):
            path = os.path.join(source, "dockerfile")
        text, name = _dockerfile(source, path, options.dockerfile)
        context = BuildContext.of_folder(source, "" if options.classic else path, options.exclude)
    else:
        name = os.path.basename(options.dockerfile) or "Dockerfile"
        context = BuildContext.of_folder(source, "" if options.classic else options.dockerfile, options.exclude)
    assert text is not None and context is not None
    return text, name, context


def request_of(options: BuildOptions, text: str, name: str, context: BuildContext) -> BuildRequest:
    """All that the builder wants to know. DockerfileError for a text that is none."""
    return BuildRequest(
        dockerfile=parse(text, name),
        context=context,
        build_args=options.build_args,
        target=options.target,
        no_cache=options.no_cache,
        no_cache_filter=options.no_cache_filter,
        labels=options.labels,
        network=options.network,
        platform=options.platform,
        secrets=options.secrets,
        add_hosts=options.add_hosts,
        environment=options.environment,
        trace=options.trace,
        apart=options.apart or options.classic,
        classic=options.classic,
        contexts={name.lower(): _other_context(name, value) for name, value in options.contexts.items()},
    )


def _other_context(name: str, value: str) -> BuildContext | str:
    """What --build-context NAME=VALUE names: a folder, or an image."""
    try:
        Reference.parse(name)
    except InvalidReferenceError:
        raise UsageError(f"ERROR: invalid context name {name}: invalid reference format", exit_code=1) from None
    if value.startswith("docker-image://"):
        return value.removeprefix("docker-image://")
    if "://" in value:
        raise UsageError(
            f"ERROR: failed to build: {value} can't be a build context here", hint="a folder, or docker-image://NAME", exit_code=1
        )
    if not os.path.isdir(value):
        raise UsageError(
            f"ERROR: failed to build: failed to get build context {name}: stat {value}: no such file or directory",
            hint="--build-context NAME=FOLDER",
            exit_code=1,
        )
    return BuildContext.of_folder(value)


def _empty(scratch: Path) -> BuildContext:
    """The context of a build that has none: an empty folder."""
    (scratch / "empty").mkdir()
    return BuildContext(scratch / "empty", nothing=True)


def _dockerfile(context: str, path: str, given: str) -> tuple[str, str]:
    """(text, name to show). BuildError in BuildKit's words if it can't be read."""
    shown = os.path.basename(path)
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read(), shown
    except FileNotFoundError:
        close = _alike(context) if not given else []
        hint = (
            f"did you mean -f {close[0]}?"
            if close
            else f"there is no file {shown} in {os.path.normpath(os.path.dirname(path))}; name it with -f"
        )
        raise BuildError(f"failed to read dockerfile: open {given or 'Dockerfile'}: no such file or directory", hint=hint) from None
    except IsADirectoryError:
        raise BuildError(f"failed to read dockerfile: {given or path} is a directory", hint="-f names a file") from None


def _alike(folder: str) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if "dockerfile" in name.lower() and not name.endswith(".dockerignore"))
    except OSError:
        return []
