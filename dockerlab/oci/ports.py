"""Ports as EXPOSE takes them: `80`, `80/udp`, `8000-8002`, `127.0.0.1:8080:80`. (docker/go-connections, nat.ParsePortSpec)"""

from __future__ import annotations

import re

PROTOCOLS = ("tcp", "udp", "sctp")
_HIGHEST = 65535


def container_ports(text: str) -> list[str]:
    """The ports of one word, with their protocol: `80-81/udp` → `80/udp`, `81/udp`. ValueError in docker's words for what is none."""
    *before, last = text.split(":")
    ports, _, written = last.partition("/")
    host = before[-1] if before else ""
    address = ":".join(before[:-1])
    protocol = written.lower() or "tcp"
    if not ports:
        raise ValueError(f'invalid port: "{text}": no port specified')
    if protocol not in PROTOCOLS:
        raise ValueError(f'invalid port: "{text}": invalid proto: {written}')
    _check_address(address)
    found = _range(ports, "containerPort")
    if host and len(_range(host, "hostPort")) != len(found) > 1:
        raise ValueError(f"invalid ranges specified for container and host Ports: {ports} and {host}")
    return [f"{port}/{protocol}" for port in found]


def _check_address(address: str) -> None:
    import ipaddress

    if not address:
        return
    if address.startswith("[") and not address.endswith("]"):
        raise ValueError(f"invalid IP address {address}: address {address}:: missing ']' in address")
    try:
        ipaddress.ip_address(address.strip("[]").partition("%")[0])
    except ValueError:
        raise ValueError(f"invalid IP address: {address}") from None


def _range(text: str, what: str) -> range:
    first, dash, last = text.partition("-")
    numbers = (first, last if dash else first)
    if not all(re.fullmatch(r"[0-9]+", number) and int(number) <= _HIGHEST for number in numbers) or int(numbers[1]) < int(numbers[0]):
        raise ValueError(f"invalid {what}: {text}")
    return range(int(numbers[0]), int(numbers[1]) + 1)
