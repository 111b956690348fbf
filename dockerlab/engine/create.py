"""From what `docker create` was asked for to what a container will be: image defaults under the user's wishes, in Docker's own shape."""

from __future__ import annotations

import os
import re
from typing import Any

from dockerlab.engine.health import merged
from dockerlab.engine.inspect import HOST_CONFIG
from dockerlab.engine.records import Record, new_id
from dockerlab.engine.specs import ContainerSpec, PortBinding
from dockerlab.errors import DockerlabError, UsageError
from dockerlab.oci import DEFAULT_PATH, short_id
from dockerlab.oci.signals import signal_number
from dockerlab.oci.timestamps import rfc3339
from dockerlab.store import Image

Json = dict[str, Any]
_PORT = re.compile(r"(\d+)(?:/(tcp|udp|sctp))?\Z")


def container_config(spec: ContainerSpec, image: Json, identifier: str) -> Json:
    """Docker's Config: the image's, with what the user said instead, keys in Docker's order."""
    own = dict(pair.split("=", 1) for pair in spec.env if "=" in pair)
    env = [*spec.env, *(pair for pair in image.get("Env") or [] if pair.partition("=")[0] not in own)]
    entrypoint = list(image.get("Entrypoint") or []) or None
    command: list[str] | None = list(image.get("Cmd") or []) or None
    if spec.entrypoint is not None:  # a new entrypoint drops the image's CMD, which was written for the old one
        entrypoint = [word for word in spec.entrypoint if word] or None
        command = None
    if spec.command:
        command = list(spec.command)
    exposed = {**(image.get("ExposedPorts") or {})}
    for text in spec.expose:
        match = _PORT.match(text)
        if not match:
            raise UsageError(f"invalid range format for --expose: {text}")
        exposed[f"{match.group(1)}/{match.group(2) or 'tcp'}"] = {}
    for port in spec.ports:
        exposed[f"{port.container_port}/{port.protocol}"] = {}
    config: Json = {
        "Hostname": spec.hostname or short_id(identifier),
        "Domainname": spec.domainname,
        "User": spec.user if spec.user is not None else image.get("User", ""),
        "AttachStdin": spec.open_stdin and spec.attached,
        "AttachStdout": spec.attached,
        "AttachStderr": spec.attached,
        "Tty": spec.tty,
        "OpenStdin": spec.open_stdin,
        "StdinOnce": spec.open_stdin and spec.attached,
        "Env": env,
        "Cmd": command,
        "Image": spec.image,
        "Volumes": image.get("Volumes") or None,
        "WorkingDir": spec.workdir if spec.workdir is not None else image.get("WorkingDir", ""),
        "Entrypoint": entrypoint,
        "OnBuild": image.get("OnBuild") or None,
        "Labels": dict(sorted({**(image.get("Labels") or {}), **spec.labels}.items())),
    }
    if exposed:
        config = _after(config, "AttachStderr", "ExposedPorts", exposed)
    if health := merged(spec.health, image.get("Healthcheck")):
        config = _after(config, "Cmd", "Healthcheck", health)
    if spec.stop_signal:
        try:
            signal_number(spec.stop_signal)
        except ValueError as error:
            raise DockerlabError(str(error), hint="kill -l lists the names of signals") from None
    if stop := spec.stop_signal or image.get("StopSignal"):
        config["StopSignal"] = stop
    if spec.stop_timeout is not None:
        config["StopTimeout"] = spec.stop_timeout
    if image.get("Shell"):
        config["Shell"] = image["Shell"]
    if not env:
        config["Env"] = [f"PATH={DEFAULT_PATH}"]
    return config


def _after(config: Json, key: str, new: str, value: Any) -> Json:
    out: Json = {}
    for name, old in config.items():
        out[name] = old
        if name == key:
            out[new] = value
    return out


def host_config(spec: ContainerSpec) -> Json:
    """Docker's HostConfig."""
    host: Json = {**HOST_CONFIG}
    host["NetworkMode"] = "bridge" if spec.network in ("", "default") else spec.network
    host["AutoRemove"] = spec.auto_remove
    host["PublishAllPorts"] = spec.publish_all
    host["ReadonlyRootfs"] = spec.read_only
    host["PortBindings"] = bindings(spec.ports)
    if spec.binds:
        host["Binds"] = list(spec.binds)
    if spec.tmpfs:
        host["Tmpfs"] = {path.partition(":")[0]: path.partition(":")[2] for path in spec.tmpfs}
    host.update(spec.extra_host_config)
    if spec.init is not None:
        host["Init"] = spec.init
    return host


def bindings(ports: tuple[PortBinding, ...]) -> Json:
    """Docker's PortBindings."""
    out: Json = {}
    for port in ports:
        one = {"HostIp": port.host_ip, "HostPort": str(port.host_port) if port.host_port else ""}
        out.setdefault(f"{port.container_port}/{port.protocol}", []).append(one)
    return out


def new_record(spec: ContainerSpec, image: Image, name: str) -> Record:
    """The container that was asked for; its mounts are added by whoever knows the volumes. UsageError if nothing says what to run."""
    identifier = new_id()
    config = container_config(spec, image.config.config, identifier)
    words = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
    if not words:
        raise UsageError("no command specified", hint="the image has no CMD and no ENTRYPOINT: write the command after the image's name")
    workdir = config["WorkingDir"]
    if workdir and not workdir.startswith("/"):
        raise UsageError(f"the working directory '{workdir}' is invalid, it needs to be an absolute path")
    return Record(
        id=identifier,
        name=name,
        created=rfc3339(),
        image=image.id,
        image_name=spec.image,
        path=words[0],
        args=words[1:],
        config=config,
        host=host_config(spec),
        layers=list(image.config.diff_ids),
    )


def bind_parts(text: str) -> tuple[str, str, str]:
    """(source or volume name, path in the container, options) of a `-v`; the source is "" for a volume without a name."""
    if not text:
        raise UsageError("docker: invalid empty volume spec", hint="write HOST-FOLDER:/path, VOLUME-NAME:/path or /path")
    parts = text.split(":")
    if (
        len(parts) == 2 and len(parts[0]) == 1 and parts[0].isalpha()
    ):  # docker's client takes it for a drive of Windows, and so for one path
        return "", f"/{text}", ""
    if len(parts) == 1:
        return "", parts[0], ""
    if not parts[0]:
        raise UsageError(f"docker: invalid spec: {text}: empty section between colons")
    if len(parts) > 3 or not parts[1]:
        raise UsageError(
            f"invalid volume specification: '{text}'",
            hint="write HOST-FOLDER:/path, VOLUME-NAME:/path or /path, with :ro at the end for read-only",
        )
    source, target, options = parts[0], parts[1], parts[2] if len(parts) == 3 else ""
    if not target.startswith("/"):
        raise UsageError(
            f"invalid volume specification: '{text}': invalid mount config for type \"volume\": invalid mount path: '{target}' mount path must be absolute"
        )
    if os.path.normpath(target) == "/":
        raise UsageError(f"invalid volume specification: '{text}': invalid mount config: destination can't be '/'")
    for option in filter(None, options.split(",")):
        if option not in ("ro", "rw", "z", "Z", "nocopy", "consistent", "cached", "delegated"):
            raise UsageError(f"invalid mode: {options}")
    return source, target, options
