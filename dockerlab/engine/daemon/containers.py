"""What a container is to be, in the API's words: what the user said, and nothing that the image says already."""

from __future__ import annotations

import os
import re
from typing import Any

from dockerlab.engine.create import bind_parts, bindings
from dockerlab.engine.inspect import HOST_CONFIG
from dockerlab.engine.specs import ContainerSpec
from dockerlab.errors import UsageError

Json = dict[str, Any]


def create_body(spec: ContainerSpec, image: str) -> Json:
    """The body of POST /containers/create; `image` is the daemon's name for it. UsageError for what only the embedded engine can do."""
    if spec.step:
        raise UsageError(
            "run --step needs the embedded engine: a daemon keeps no state of a build's steps that could be entered",
            hint="DOCKERLAB_ENGINE=embedded, or %docker_engine embedded, then build and run --step again",
        )
    exposed: Json = {_port(text): {} for text in spec.expose} | {f"{port.container_port}/{port.protocol}": {} for port in spec.ports}
    body: Json = {
        "Image": image,
        "Hostname": spec.hostname,
        "Domainname": spec.domainname,
        "AttachStdin": spec.open_stdin and spec.attached,
        "AttachStdout": spec.attached,
        "AttachStderr": spec.attached,
        "Tty": spec.tty,
        "OpenStdin": spec.open_stdin,
        "StdinOnce": spec.open_stdin and spec.attached,
        "Env": list(spec.env),
        "Labels": dict(spec.labels),
        "ExposedPorts": exposed,
        "HostConfig": _host(spec),
    }
    if spec.command:
        body["Cmd"] = list(spec.command)
    if spec.entrypoint is not None:
        body["Entrypoint"] = [word for word in spec.entrypoint if word] or [""]
    for key, value in (
        ("WorkingDir", spec.workdir),
        ("User", spec.user),
        ("StopSignal", spec.stop_signal),
        ("StopTimeout", spec.stop_timeout),
    ):
        if value is not None:
            body[key] = value
    if spec.health:
        body["Healthcheck"] = dict(spec.health)
    volumes = [target for source, target, _ in map(bind_parts, spec.binds) if not source]
    if volumes:
        body["Volumes"] = {path: {} for path in volumes}
    return body


def _port(text: str) -> str:
    if not re.match(r"\d+(/(tcp|udp|sctp))?\Z", text):
        raise UsageError(f"invalid range format for --expose: {text}")
    return text if "/" in text else f"{text}/tcp"


def _bind(text: str) -> str:
    """A -v as the API wants it: a folder that is written from here is found from here."""
    source, *rest = text.split(":")
    return ":".join([os.path.abspath(source) if source.startswith(".") else source, *rest])


def _host(spec: ContainerSpec) -> Json:
    for key in ("Timeout", "Disk"):
        if spec.extra_host_config.get(key):
            raise UsageError(
                f"--{key.lower()} is the embedded engine's own: a daemon has no such limit",
                hint="DOCKERLAB_ENGINE=embedded, or leave it away",
            )
    host: Json = {
        "AutoRemove": spec.auto_remove,
        "NetworkMode": "bridge" if spec.network in ("", "default") else spec.network,
        "PublishAllPorts": spec.publish_all,
        "ReadonlyRootfs": spec.read_only,
        "PortBindings": bindings(spec.ports),
        "Binds": [_bind(text) for text in spec.binds if bind_parts(text)[0]],
        "Tmpfs": {path.partition(":")[0]: path.partition(":")[2] for path in spec.tmpfs},
        "VolumesFrom": list(spec.volumes_from),
        **spec.extra_host_config,
    }
    if spec.init is not None:
        host["Init"] = spec.init
    told = {key: value for key, value in host.items() if value not in (None, [], {}, "")}
    return {
        **{key: value for key, value in HOST_CONFIG.items() if value in ([], {})},
        **told,
    }  # as docker's client sends what was not asked for
