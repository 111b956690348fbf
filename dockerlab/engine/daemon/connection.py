"""Which daemon is spoken to, and what is said where none answers.

The order is docker's own client's: DOCKER_HOST, DOCKER_CONTEXT, the current context of Docker's configuration, Docker's socket; then, since there may be no
Docker at all, Podman's: that of the user, that of the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dockerlab.data import dataclass
from dockerlab.errors import RuntimeUnavailableError

if TYPE_CHECKING:
    from docker import APIClient

OLDEST = (1, 41)
"""The API of Docker 20.10, and of Podman: what is asked for here is there since then."""
_SOCKET = "/var/run/docker.sock"
_PATIENCE = 10.0  # seconds for a daemon to answer the first question
_LONG = 24 * 3600.0  # of silence: a step of a build may print nothing for an hour


@dataclass(frozen=True)
class Address:
    """Where a daemon listens, and who said so: DOCKER_HOST, context NAME, or default."""

    host: str
    source: str
    certificates: str = ""


def address(environment: Mapping[str, str]) -> Address:
    """The daemon that docker's own client would speak to, or Podman's where there is no Docker. RuntimeUnavailableError for a context that is not there."""
    if host := environment.get("DOCKER_HOST"):
        certificates = environment.get("DOCKER_CERT_PATH") or str(_configuration(environment))
        return Address(host, "DOCKER_HOST", certificates if environment.get("DOCKER_TLS_VERIFY") else "")
    name = environment.get("DOCKER_CONTEXT") or _current(environment)
    if name and name != "default":
        return _of_context(name, environment)
    if not os.path.exists(_SOCKET):
        for path in (
            os.path.join(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}", "podman/podman.sock"),
            "/run/podman/podman.sock",
        ):
            if os.path.exists(path):
                return Address(f"unix://{path}", "default")
    return Address(f"unix://{_SOCKET}", "default")


def _configuration(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or "~").expanduser() / ".docker")


def _current(environment: Mapping[str, str]) -> str:
    try:
        found = json.loads((_configuration(environment) / "config.json").read_bytes())
    except (OSError, ValueError):
        return ""
    return str(found.get("currentContext") or "") if isinstance(found, dict) else ""


def _of_context(name: str, environment: Mapping[str, str]) -> Address:
    """The endpoint of a context. (docker/cli: cli/context/store; a context's folder is the digest of its name)"""
    place = hashlib.sha256(name.encode()).hexdigest()
    folder = _configuration(environment) / "contexts"
    try:
        found: Any = json.loads((folder / "meta" / place / "meta.json").read_bytes())
        host = str(found["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        raise RuntimeUnavailableError(
            f'context "{name}" does not exist', hint="docker context ls lists them; without DOCKER_CONTEXT the default is taken"
        ) from None
    certificates = folder / "tls" / place / "docker"
    return Address(host, f"context {name}", str(certificates) if certificates.is_dir() else "")


def listens(where: Address) -> bool:
    """Whether somebody listens at a socket of this machine, without a word being said; False for an address elsewhere, which is not tried."""
    import socket

    if not where.host.startswith("unix://"):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(where.host.removeprefix("unix://"))
        except OSError:
            return False
    return True


def connect(where: Address) -> APIClient:
    """A client that has been answered. RuntimeUnavailableError where nobody listens, nobody may ask, or who answers is too old."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.APIClient(base_url=where.host, version="auto", timeout=_PATIENCE, tls=_tls(where), use_ssh_client=True)
    except DockerException as error:
        raise _refused(where, error) from None
    version = tuple(int(part) for part in client.api_version.split("."))
    if version < OLDEST:
        raise RuntimeUnavailableError(
            f"the daemon at {where.host} is too old: it speaks version {client.api_version} of Docker's API, and {'.'.join(map(str, OLDEST))} is the oldest that is spoken here",
            hint="Docker 20.10 is the first that speaks it; DOCKERLAB_ENGINE=embedded needs no daemon",
        )
    client.timeout = _LONG
    return client


def _tls(where: Address) -> Any:
    if not where.certificates:
        return False
    from docker.tls import TLSConfig

    folder = Path(where.certificates)
    return TLSConfig(client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")), ca_cert=str(folder / "ca.pem"), verify=True)


def _refused(where: Address, error: Exception) -> RuntimeUnavailableError:
    """Why nobody answered: no daemon, no permission, or what the SDK says."""
    told = f" (from {where.source})" if where.source != "default" else ""
    path = where.host.removeprefix("unix://") if where.host.startswith("unix://") else ""
    embedded = "DOCKERLAB_ENGINE=embedded needs no daemon"
    if path and os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
        return RuntimeUnavailableError(
            f"permission denied while trying to connect to the Docker daemon socket at {where.host}{told}",
            hint=f"let yourself use it: sudo usermod -aG docker $USER, then log in again; {embedded}",
        )
    text = str(error)
    if (path and not os.path.exists(path)) or "Connection refused" in text or "No such file" in text or "Connection aborted" in text:
        return RuntimeUnavailableError(
            f"Cannot connect to the Docker daemon at {where.host}{told}. Is the docker daemon running?", hint=f"start it; {embedded}"
        )
    if "too old" in text or "maximum supported" in text.lower() or "minimum supported" in text.lower():
        return RuntimeUnavailableError(f"the daemon at {where.host}{told} speaks another version of Docker's API: {text}", hint=embedded)
    return RuntimeUnavailableError(f"no Docker daemon answers at {where.host}{told}: {text}", hint=embedded)
