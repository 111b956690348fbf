"""Verbs that carry images: save, load, import."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO

from dockerlab.errors import DockerlabError, UsageError
from dockerlab.oci import Reference, own_architecture
from dockerlab.store.files import unique
from dockerlab.verbs.dispatch import Terminal
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.images import stdin_of, writer

if TYPE_CHECKING:
    from dockerlab.engine import Engine
    from dockerlab.transfer.saving import Saving


def save(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker save [-o FILE] IMAGE…`; ours, with podman's names: `--format oci-archive|oci-dir|docker-dir`, `--compress`, `--compression-format gzip|zstd`."""
    from dockerlab.transfer.saving import Saving

    saving = Saving(parsed.text("format") or "docker-archive", _packing(parsed))
    saving.check()
    platform = platform_of(parsed)
    if path := parsed.text("output"):
        whole = os.path.join(terminal.cwd, path)
        if not os.path.isdir(os.path.dirname(os.path.abspath(whole))):
            raise DockerlabError(f"failed to save image: invalid output path: stat {os.path.dirname(path)}: no such file or directory")
        for name in parsed.words:
            engine.image_inspect(name)
        if saving.is_folder:
            engine.save(parsed.words, whole, saving, platform=platform)
            return 0
        with written(whole) as out:
            engine.save(parsed.words, out, saving, platform=platform)
        return 0
    if saving.is_folder:
        raise UsageError(f"{saving.format} is a folder: name one with -o", exit_code=125)
    if terminal.is_terminal:
        raise UsageError("cowardly refusing to save to a terminal. Use the -o flag or redirect", exit_code=1)
    engine.save(parsed.words, writer(terminal), saving, platform=platform)
    return 0


def _packing(parsed: Parsed) -> str:
    kind = parsed.text("compression-format")
    return kind or ("gzip" if parsed.on("compress") else "")


def platform_of(parsed: Parsed) -> str:
    """What --platform names, in whole; "" where it is not given. UsageError in docker's words for what is none."""
    from dockerlab.oci.platform import parse_platform

    text = parsed.text("platform")
    try:
        return parse_platform(text, own_architecture()) if text else ""
    except ValueError as error:
        raise UsageError(f"invalid platform: {error}", exit_code=1) from None


@contextmanager
def written(path: str) -> Iterator[IO[bytes]]:
    """A file that appears when all of it is there, and not at all if something fails; what is no regular file (a pipe) is written as it comes."""
    try:
        plain = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        plain = True
    if not plain:
        with open(path, "wb") as out:
            yield out
        return
    aside = f"{path}.{unique(4)}~"
    try:
        with open(aside, "xb") as out:
            yield out
        os.replace(aside, path)
    except BaseException:
        if os.path.exists(aside):
            os.unlink(aside)
        raise


def load(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker load [-i FILE|FOLDER]`: what docker, podman, skopeo and buildx write."""
    path, platform = parsed.text("input"), platform_of(parsed)
    whole = os.path.join(terminal.cwd, path)
    if path and os.path.isdir(whole):
        _tell(engine.load(whole, platform=platform), terminal)
        return 0
    if path:
        source = _opened(whole, path)
    else:
        if terminal.stdin is not None and os.isatty(terminal.stdin):
            raise UsageError("requested load from stdin, but stdin is empty", exit_code=1)
        source = stdin_of(terminal)
    with source:
        _tell(engine.load(source, platform=platform), terminal)
    return 0


def _opened(whole: str, path: str) -> BinaryIO:
    try:
        return open(whole, "rb")
    except OSError as error:
        raise DockerlabError(f"open {path}: {os.strerror(error.errno or 0).lower()}") from None


def _tell(names: list[str], terminal: Terminal) -> None:
    for name in names:
        terminal.line(f"Loaded image ID: {name}" if name.startswith("sha256:") else f"Loaded image: {name}")


def import_(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker import FILE|- [REPOSITORY[:TAG]]`."""
    path, reference = parsed.words[0], parsed.words[1] if len(parsed.words) > 1 else ""
    if reference:
        Reference.parse(reference)
    with stdin_of(terminal) if path == "-" else _opened(os.path.join(terminal.cwd, path), path) as source:
        try:
            identifier = engine.import_(source, reference, changes=parsed.all("change"), message=parsed.text("message"))
        except DockerlabError as error:
            if "damaged" in error.message or "cut short" in error.message:
                raise DockerlabError(f"unexpected EOF: {path} is no tar of a file system: {error.message}", hint=error.hint) from None
            raise
    terminal.line(identifier)
    return 0


def write_output(engine: Engine, name: str, fields: dict[str, str], target: str, terminal: Terminal) -> None:
    """`build --output type=docker|oci`: BuildKit's fields dest, tar, compression."""
    from dockerlab.transfer.saving import Saving

    saving = _exported(fields, Saving)
    if saving.is_folder:
        if target in ("", "-"):
            raise UsageError("ERROR: failed to build: dest is required for a folder", hint="-o type=oci,tar=false,dest=FOLDER", exit_code=1)
        engine.save([name], target, saving)
    elif target in ("", "-"):
        engine.save([name], writer(terminal), saving)
    else:
        with written(target) as out:
            engine.save([name], out, saving)


def _exported(fields: dict[str, str], saving: type[Saving]) -> Saving:
    kind = fields["type"]
    packing = fields.get("compression", "uncompressed")
    packing = "" if packing == "uncompressed" or kind == "docker" else packing
    if fields.get("tar", "true") == "false":
        return saving("oci-dir", packing)
    chosen = saving("docker-archive" if kind == "docker" else "oci-archive", packing)
    chosen.check()
    return chosen
