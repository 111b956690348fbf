"""Verbs that start containers: run, create, start."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from dockerlab.engine import ContainerSpec, Streams
from dockerlab.errors import ContainerStartError, Detached, DockerlabError, UsageError
from dockerlab.oci import own_architecture
from dockerlab.verbs.attaching import attached_start, detach_keys
from dockerlab.verbs.dispatch import Terminal, tell_ignored
from dockerlab.verbs.executing import environment
from dockerlab.verbs.flags import Parsed
from dockerlab.verbs.lifetime import health_of, restart_policy
from dockerlab.verbs.limits import limits_of, tell_unkept
from dockerlab.verbs.log_drivers import log_config
from dockerlab.verbs.mounts import mount_flag
from dockerlab.verbs.networking import exposed, names_of, port_bindings

if TYPE_CHECKING:
    from dockerlab.engine import Engine


def spec_of(parsed: Parsed, terminal: Terminal, *, attached: bool) -> ContainerSpec:
    """What the flags of `run` and `create` ask for. UsageError for what contradicts itself or can't be had here."""
    if parsed.on("rm") and parsed.text("restart") not in ("", "no"):
        raise UsageError("docker: conflicting options: cannot specify both --restart and --rm")
    for name in ("gpus", "privileged", "device", "link"):
        if parsed.flags.get(name):
            raise UsageError(f"docker: --{name} is not done by dockerlab", hint="leave it away, or use docker itself")
    _check_image_flags(parsed)
    host = {**limits_of(parsed), **names_of(parsed)}
    if parsed.text("restart"):
        host["RestartPolicy"] = restart_policy(parsed.text("restart"))
    if parsed.all("cap-drop"):
        host["CapDrop"] = [
            "CAP_" + name.upper().removeprefix("CAP_") if name.upper() != "ALL" else "ALL" for name in parsed.all("cap-drop")
        ]
    if parsed.all("volumes-from"):
        host["VolumesFrom"] = parsed.all("volumes-from")
    if parsed.all("cap-add"):
        host["CapAdd"] = ["CAP_" + name.upper().removeprefix("CAP_") for name in parsed.all("cap-add")]
    if (logging := log_config(parsed)) is not None:
        host["LogConfig"] = logging
    mounts = [mount_flag(parsed.verb, text) for text in parsed.all("mount")]
    binds = (*parsed.all("volume"), *(one for kind, one in mounts if kind != "tmpfs"))
    tmpfs = (*parsed.all("tmpfs"), *(one for kind, one in mounts if kind == "tmpfs"))
    for text in tmpfs:
        if not text.startswith("/"):
            raise UsageError(f"docker: invalid mount path: '{text.partition(':')[0]}' mount path must be absolute")
    entrypoint = None
    if "entrypoint" in parsed.flags:
        entrypoint = (parsed.text("entrypoint"),) if parsed.text("entrypoint") else ()
    network = (parsed.all("network") or parsed.all("net") or ["bridge"])[-1]
    if network not in ("bridge", "default", "host", "none"):
        raise UsageError(f"docker: network {network} not found", hint="here are bridge (the default), host and none")
    return ContainerSpec(
        image=parsed.words[0],
        command=tuple(parsed.words[1:]),
        name=parsed.text("name"),
        entrypoint=entrypoint,
        env=environment(parsed, terminal),
        labels=labels(parsed, terminal),
        workdir=parsed.flags.get("workdir"),
        user=parsed.flags.get("user"),
        hostname=parsed.text("hostname"),
        domainname=parsed.text("domainname"),
        tty=parsed.on("tty"),
        open_stdin=parsed.on("interactive"),
        attached=attached,
        auto_remove=parsed.on("rm"),
        binds=binds,
        tmpfs=tmpfs,
        volumes_from=tuple(parsed.all("volumes-from")),
        ports=tuple(port for text in parsed.all("publish") for port in port_bindings(text)),
        expose=tuple(port for text in parsed.all("expose") for port in exposed(text)),
        publish_all=parsed.on("publish-all"),
        network=network,
        read_only=parsed.on("read-only"),
        stop_signal=parsed.flags.get("stop-signal"),
        step=parsed.text("step"),
        stop_timeout=parsed.number("stop-timeout"),
        init=parsed.flags.get("init"),
        health=health_of(parsed),
        pull=parsed.text("pull", "missing"),
        extra_host_config=host,
    )


def _tell_unenforced(parsed: Parsed, terminal: Terminal) -> None:
    """What is written into the container's configuration as docker writes it, and not acted upon."""
    tell_unkept(parsed, terminal)
    if parsed.flags.get("log-opt"):
        terminal.complain("WARNING: --log-opt is recorded, and has no effect here: dockerlab does not keep this option yet")
    tell_ignored(parsed, terminal)


def _check_image_flags(parsed: Parsed) -> None:
    """--pull and --platform: what they may say, and what runs on this machine."""
    pull = parsed.text("pull", "missing")
    if pull not in ("always", "missing", "never"):
        raise UsageError(f'docker: invalid pull option: \'{pull}\': must be one of "always", "missing" or "never"')
    platform = parsed.text("platform")
    if platform:
        own = own_architecture()
        if platform.split("/")[:2] not in (["linux", own], [own], ["linux"]):
            raise UsageError(f"docker: no image for platform {platform} here", hint=f"this machine runs linux/{own}")


def labels(parsed: Parsed, terminal: Terminal) -> dict[str, str]:
    """`--label-file` and `--label`, the latter last and winning."""
    texts = []
    for path in parsed.all("label-file"):
        try:
            with open(os.path.join(terminal.cwd, path), encoding="utf-8") as file:
                texts += [line.strip() for line in file if "=" in line and not line.startswith("#")]
        except OSError as error:
            raise UsageError(f"docker: open {path}: {os.strerror(error.errno or 0).lower()}") from None
    texts += parsed.all("label")
    for text in texts:
        if text.startswith("="):
            raise UsageError(f'invalid argument "{text}" for "-l, --label" flag: invalid label \'{text}\': empty name')
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def create(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker create [OPTIONS] IMAGE [COMMAND]…`."""
    spec = spec_of(parsed, terminal, attached=True)
    identifier = engine.create(spec)
    _cidfile(parsed, identifier, terminal)
    _tell_unenforced(parsed, terminal)
    terminal.results.append(identifier)
    terminal.line(identifier)
    return 0


def _cidfile(parsed: Parsed, identifier: str, terminal: Terminal) -> None:
    if path := parsed.text("cidfile"):
        with open(os.path.join(terminal.cwd, path), "x", encoding="ascii") as file:
            file.write(identifier)


def run(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker run [OPTIONS] IMAGE [COMMAND]…`: the exit code of the command, 125 to 127 if it could not start."""
    engine.warm_up()
    detached = parsed.on("detach")
    if parsed.on("tty") and not detached and parsed.on("interactive") and terminal.stdin is not None and not os.isatty(terminal.stdin):
        raise UsageError("the input device is not a TTY", exit_code=1)
    keys = detach_keys(parsed)
    try:
        spec = spec_of(parsed, terminal, attached=not detached)
        if path := parsed.text("cidfile"):
            whole = os.path.join(terminal.cwd, path)
            if os.path.exists(whole):
                raise UsageError(f"container ID file found, make sure the other container isn't running or delete {path}")
            if not os.path.isdir(os.path.dirname(whole) or "."):
                raise UsageError(f"failed to create the container ID file: open {path}: no such file or directory", exit_code=127)
        _tell_unenforced(parsed, terminal)
        identifier = engine.create(spec)
    except DockerlabError as error:
        raise _as_run_error(error) from None
    try:
        _cidfile(parsed, identifier, terminal)
        terminal.results.append(identifier)
        if not detached:
            return _attached(engine, terminal, identifier, spec, keys)
        terminal.line(identifier)
        engine.start(identifier)
    except KeyboardInterrupt:
        if spec.auto_remove:
            with suppress(DockerlabError):
                engine.remove(identifier, force=True, volumes=True)
        raise
    except DockerlabError as error:
        if spec.auto_remove:
            engine.remove(identifier, force=True, volumes=True)
        raise (_start_failed(error) if isinstance(error, ContainerStartError) else error) from None
    return 0


def _as_run_error(error: DockerlabError) -> DockerlabError:
    """The error with the code that `docker run` ends with: 125 for everything before the command itself."""
    if error.exit_code in (125, 126, 127):
        return error
    error.exit_code = 125
    return error


def _start_failed(error: ContainerStartError) -> ContainerStartError:
    return ContainerStartError(f"docker: {error.message}", hint=error.hint, exit_code=error.exit_code)


def _attached(engine: Engine, terminal: Terminal, identifier: str, spec: ContainerSpec, keys: bytes) -> int:
    streams = Streams(
        terminal.stdin if spec.open_stdin else None, terminal.stdout, terminal.stdout if spec.tty else terminal.stderr, keys, terminal.mixes
    )
    try:
        code = attached_start(engine, terminal, identifier, streams, tty=spec.tty, interactive=spec.open_stdin)
    except Detached:  # docker says nothing here, but where somebody was attached later
        return 0
    if spec.auto_remove:
        engine.remove(identifier, force=True, volumes=True)
    return code


def start(parsed: Parsed, engine: Engine, terminal: Terminal) -> int:
    """`docker start [-a] [-i] CONTAINER…`."""
    engine.warm_up()
    attach = parsed.on("attach") or parsed.on("interactive")
    if attach:
        if len(parsed.words) > 1:
            raise UsageError("you cannot start and attach multiple containers at once", exit_code=1)
        config = engine.container_inspect(parsed.words[0])["Config"]
        stdin = terminal.stdin if parsed.on("interactive") else None
        streams = Streams(stdin, terminal.stdout, terminal.stderr, detach_keys(parsed), terminal.mixes)
        try:
            typed_at = parsed.on("interactive") and bool(config["OpenStdin"])
            return attached_start(engine, terminal, parsed.words[0], streams, tty=bool(config["Tty"]), interactive=typed_at)
        except Detached:
            return 0
        except ContainerStartError as error:
            raise ContainerStartError(error.message, hint=error.hint, exit_code=1) from None
    failed = []
    for name in parsed.words:
        try:
            engine.start(name)
        except DockerlabError as error:
            terminal.complain(f"Error: {error}")
            failed.append(name)
            continue
        terminal.line(name)
    if failed:
        terminal.complain("Error: failed to start containers: " + ", ".join(failed))
    return 1 if failed else 0
