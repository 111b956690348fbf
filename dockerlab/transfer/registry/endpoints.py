"""Where a registry answers: Docker Hub's address and its mirrors, what is asked in the clear, and whether anybody can be reached at all.

Docker's rules: `docker.io` is registry-1.docker.io, whose password is kept under index.docker.io; a registry on loopback (127.0.0.0/8, ::1, localhost) is tried
with TLS of any certificate and then without, as are those that DOCKERLAB_INSECURE_REGISTRIES names; DOCKERLAB_REGISTRY_MIRRORS are asked for Docker Hub's
images first. (dockerd: registry-mirrors, insecure-registries)
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from dockerlab.data import dataclass
from dockerlab.errors import UsageError
from dockerlab.oci.reference import HUB

HUB_HOST, HUB_KEY = "registry-1.docker.io", "https://index.docker.io/v1/"
MIRRORS, INSECURE = "DOCKERLAB_REGISTRY_MIRRORS", "DOCKERLAB_INSECURE_REGISTRIES"
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?\Z")
_ROUTES = ("/proc/net/route", "/proc/net/ipv6_route")


@dataclass(frozen=True)
class Endpoint:
    """`host` with its port if it has one; `key` is what Docker's configuration keeps its password under; `insecure`: TLS of any certificate, or none; `schemes` in the order to try."""

    host: str
    key: str
    insecure: bool = False
    schemes: tuple[str, ...] = ("https",)
    mirror: bool = False

    @property
    def name(self) -> str:
        """The host without its port."""
        match = _HOST.match(self.host)
        return match.group(1).strip("[]") if match else self.host

    def port(self, scheme: str) -> int:
        """The port to connect to."""
        match = _HOST.match(self.host)
        return int(match.group(2)) if match and match.group(2) else 443 if scheme == "https" else 80


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, by its name alone."""
    name = host.lower().strip("[]")
    return name in ("localhost", "::1") or bool(re.match(r"127\.\d{1,3}\.\d{1,3}\.\d{1,3}\Z", name))


def endpoint_of(domain: str) -> Endpoint:
    """The registry itself."""
    if domain == HUB:
        return Endpoint(HUB_HOST, HUB_KEY)
    plain = Endpoint(domain, domain)
    if is_loopback(plain.name) or domain in _listed(INSECURE) or plain.name in _listed(INSECURE):
        return Endpoint(domain, domain, True, ("https", "http"))
    return plain


def endpoints_of(domain: str) -> list[Endpoint]:
    """All that may be asked for its images, in order: mirrors, which only Docker Hub has, then itself. UsageError for a mirror that is no address."""
    mirrors = [_mirror(text) for text in _listed(MIRRORS)] if domain == HUB else []
    return [*mirrors, endpoint_of(domain)]


def _mirror(text: str) -> Endpoint:
    scheme, separator, rest = text.rpartition("://")
    host = rest.rstrip("/")
    if not _HOST.match(host) or scheme not in ("", "http", "https"):
        raise UsageError(
            f'{MIRRORS}: "{text}" is no address of a registry', hint="write https://HOST[:PORT], several with commas between", exit_code=1
        )
    if not separator:
        found = endpoint_of(host)
        return Endpoint(host, host, found.insecure, found.schemes, mirror=True)
    return Endpoint(host, host, is_loopback(Endpoint(host, host).name), (scheme,), mirror=True)


def _listed(variable: str) -> list[str]:
    return [one for one in re.split(r"[,\s]+", os.environ.get(variable, "")) if one]


def has_way_out(endpoint: Endpoint) -> bool:
    """Whether the machine's routes lead to it, as far as that shows without asking anybody: none leads anywhere but by a default route, or a proxy.

    A registry that is not Docker Hub may be on a network of one's own.
    """
    if is_loopback(endpoint.name) or any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    try:
        four, six = (Path(path).read_text(encoding="ascii").splitlines() for path in _ROUTES)
    except (OSError, ValueError):
        return True  # who can't know tries
    routes = [line.split() for line in four[1:]]
    if endpoint.host != HUB_HOST and any(len(route) > 7 and route[0] != "lo" for route in routes):
        return True
    if any(len(route) > 7 and route[1] == route[7] == "00000000" for route in routes):
        return True
    return any(
        fields[0] == "0" * 32 and fields[1] == "00" and fields[-1] != "lo" for fields in (line.split() for line in six) if len(fields) > 9
    )
