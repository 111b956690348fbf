"""`docker exec` by a daemon: one more process in a running container."""

from __future__ import annotations

from contextlib import ExitStack, suppress

from dockerlab.engine.daemon.attachment import DaemonControl, Pump, socket_of
from dockerlab.engine.daemon.calls import Calls, told
from dockerlab.engine.specs import ExecSpec, Streams
from dockerlab.errors import ConflictError, ContainerStartError, DockerlabError, NotFoundError


def run_in(calls: Calls, container: str, spec: ExecSpec, streams: Streams) -> int:
    """Its exit code, 0 at once if it is detached. ContainerStartError where it can't start, Detached if the keys that let go were typed."""
    asked = {
        "AttachStdin": streams.stdin is not None and not spec.detach,
        "AttachStdout": not spec.detach,
        "AttachStderr": not spec.detach,
        "Tty": spec.tty,
        "Cmd": list(spec.command),
        "Env": list(spec.env),
        **({"WorkingDir": spec.workdir} if spec.workdir is not None else {}),
        **({"User": spec.user} if spec.user is not None else {}),
    }
    identifier = calls.post(f"/containers/{container}/exec", body=asked).json()["Id"]
    if spec.detach:
        with _as_start_error():
            calls.post(f"/exec/{identifier}/start", body={"Detach": True, "Tty": spec.tty})
        return 0
    with _as_start_error(), told():
        channel = calls.client.exec_start(identifier, tty=spec.tty, socket=True)

    def resized(rows: int, columns: int) -> None:
        with suppress(DockerlabError):  # it has ended meanwhile
            calls.post(f"/exec/{identifier}/resize", h=rows, w=columns)

    pump = Pump(socket_of(channel), streams, tty=spec.tty, keep=channel)
    with ExitStack() as stack:
        control = stack.enter_context(DaemonControl(pump, lambda: _code(calls, identifier), resized, lambda number: None))
        if spec.tty and streams.stdin is not None:
            from dockerlab.runtime.terminal import attached_terminal

            stack.enter_context(attached_terminal(control, streams.stdin))
        return control.wait()


def _code(calls: Calls, identifier: str) -> int:
    return int(calls.get(f"/exec/{identifier}/json").json()["ExitCode"] or 0)


class _as_start_error:
    """What the runtime refuses, with the exit code that docker gives it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, DockerlabError) or isinstance(error, (NotFoundError, ConflictError)) or "OCI runtime" not in error.message:
            return
        text = error.message
        code = (
            127 if "not found" in text or "no such file" in text else 126 if "permission denied" in text else 128 if "Cwd" in text else 126
        )
        raise ContainerStartError(text, exit_code=code, hint=error.hint) from None
