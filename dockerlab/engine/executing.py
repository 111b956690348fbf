"""`docker exec`: one more process in a running container, and how whoever waits for it is attached to it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

from dockerlab.engine.environment import process_environment
from dockerlab.engine.happenings import tell_container, tell_noted
from dockerlab.engine.records import Record, new_id
from dockerlab.engine.specs import ExecSpec, Streams
from dockerlab.errors import ContainerStartError, Detached
from dockerlab.layers import TreeView, find_user
from dockerlab.runtime.control import Control
from dockerlab.runtime.runtime import Runtime
from dockerlab.runtime.spec import ProcessSpec
from dockerlab.store import Store

_GRACE = 1.0
"""Seconds that an interrupted process gets to end by itself."""


def run_in(store: Store, runtime: Runtime, record: Record, folder: Path, view: TreeView, spec: ExecSpec, streams: Streams) -> int:
    """Its exit code, 0 at once if it is detached. ContainerStartError where it can't start, Detached if the detach keys were typed.

    `folder` is the running container's, `view` its file system, which tells whom a user's name means.
    """
    process = _process(record, view, spec)
    command, identifier = f"{spec.command[0]} {' '.join(spec.command[1:])}", new_id()
    for action in ("exec_create", "exec_start"):
        tell_container(store, record, f"{action}: {command}", execID=identifier)
    try:
        if spec.detach:
            runtime.exec_start(folder, process, identifier=identifier).close()
            return 0
        with runtime.exec_start(
            folder,
            process,
            stdin=streams.stdin,
            stdout=streams.stdout,
            stderr=streams.stderr,
            detach_keys=streams.detach_keys,
            identifier=identifier,
        ) as control:
            try:
                code = _waited(control, spec, streams)
            except Detached:
                tell_container(store, record, "exec_detach", execID=identifier)
                raise
    except ContainerStartError as error:
        words = f"OCI runtime exec failed: exec failed: unable to start container process: {error.message}"
        raise ContainerStartError(words, exit_code=error.exit_code, hint=error.hint) from None
    tell_noted(store, record, folder)
    return code


def _process(record: Record, view: TreeView, spec: ExecSpec) -> ProcessSpec:
    if spec.workdir is not None and not spec.workdir.startswith("/"):
        raise ContainerStartError("OCI runtime exec failed: exec failed: Cwd must be an absolute path", exit_code=128)
    who = find_user(view, record.config["User"] if spec.user is None else spec.user)
    return ProcessSpec(
        args=spec.command,
        env=process_environment(record.config, who.home, terminal=spec.tty, extra=spec.env),
        cwd=spec.workdir if spec.workdir is not None else record.config["WorkingDir"] or "/",
        uid=who.uid,
        gid=who.gid,
        groups=who.groups,
        terminal=spec.tty,
    )


def _waited(control: Control, spec: ExecSpec, streams: Streams) -> int:
    """The exit code of what was started; its terminal is as large as ours meanwhile."""
    with ExitStack() as stack:
        if spec.tty and streams.stdin is not None:
            from dockerlab.runtime.terminal import attached_terminal

            stack.enter_context(attached_terminal(control, streams.stdin))
        try:
            return control.wait()
        except KeyboardInterrupt:
            if spec.ends_on_interrupt:
                _end(control)
            raise


def _end(control: Control) -> None:
    """As Ctrl-C at a terminal would, and if that does not help by force."""
    import signal

    for number in (signal.SIGINT, signal.SIGKILL):
        control.signal(number, group=True)
        if control.ends_within(_GRACE):
            break
    with suppress(Detached):
        control.wait()
