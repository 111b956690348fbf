"""The flags of `run` and `create` about names and ports: -p, --expose, --add-host, --dns and their like, in docker's words."""

from __future__ import annotations

import re
from typing import Any

from dockerlab.engine import PortBinding
from dockerlab.errors import UsageError
from dockerlab.verbs.flags import Parsed, usage_error

Json = dict[str, Any]
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\s*")


def names_of(parsed: Parsed) -> Json:
    """--add-host, --dns, --dns-search, --dns-option as fields of HostConfig. UsageError for what docker refuses."""
    host: Json = {}
    if hosts := [_extra_host(parsed, text) for text in parsed.all("add-host")]:
        host["ExtraHosts"] = hosts
    if servers := [_server(parsed, text) for text in parsed.all("dns")]:
        host["Dns"] = servers
    if domains := [_domain(parsed, text) for text in parsed.all("dns-search")]:
        host["DnsSearch"] = domains
    if options := parsed.all("dns-option"):
        host["DnsOptions"] = options
    return host


def _invalid(parsed: Parsed, flag: str, text: str, why: str, hint: str = "") -> UsageError:
    return usage_error(parsed.verb, f'invalid argument "{text}" for "--{flag}" flag: {why}', 125, hint)


def _is_address(text: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _extra_host(parsed: Parsed, text: str) -> str:
    """`db:203.0.113.5` or `db=203.0.113.5` as docker records it. (docker/cli: opts.ValidateExtraHost)"""
    name, separator, address = text.partition("=") if "=" in text else text.partition(":")
    if not separator or not name:
        raise _invalid(parsed, "add-host", text, f'bad format for add-host: "{text}"', "write NAME:ADDRESS")
    address = address.removeprefix("[").removesuffix("]") if address.startswith("[") else address
    if address != "host-gateway" and not _is_address(address):
        raise _invalid(parsed, "add-host", text, f'invalid IP address in add-host: "{address}"')
    return f"{name}:{address}"


def _server(parsed: Parsed, text: str) -> str:
    if not _is_address(text.strip()):
        raise _invalid(parsed, "dns", text, f"IP address is not correctly formatted: {text}")
    return text.strip()


def _domain(parsed: Parsed, text: str) -> str:
    """A domain, or `.` for none."""
    if text.strip() != "." and not (re.search(r"[a-zA-Z]", text) and len(text) < 255 and _DOMAIN.fullmatch(text)):
        raise _invalid(parsed, "dns-search", text, f"{text} is not a valid domain")
    return text.strip().removesuffix(".") or "."


def port_bindings(text: str) -> list[PortBinding]:
    """`8080:80`, `127.0.0.1:8080:80/tcp`, `80`, `8000-8002:80-82`. (docker/go-connections: nat.ParsePortSpec)"""
    hint = "write HOST-PORT:CONTAINER-PORT, for example -p 8080:80"
    *before, last = text.rsplit(":", 2) if "]" not in text else _after_bracket(text)
    ip, host = (before[0] if len(before) == 2 else ""), (before[-1] if before else "")
    container, _, protocol = last.partition("/")
    ip = ip.removeprefix("[").removesuffix("]")
    if ip and not _is_address(ip):
        raise UsageError(f"docker: Invalid ip address: {ip}", hint=hint)
    if not container:
        raise UsageError(f"docker: No port specified: {text}<empty>", hint=hint)
    inside = _range(container, "containerPort")
    outside = _range(host, "hostPort", least=0) if host else []
    if outside and len(outside) != len(inside):
        raise UsageError(f"docker: Invalid ranges specified for container and host Ports: {container} and {host}")
    protocol = protocol.lower() or "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise UsageError(f"docker: Invalid proto: {protocol}", hint="tcp or udp")
    if protocol == "sctp":
        raise UsageError("docker: sctp ports can't be published here", hint="tcp or udp")
    return [PortBinding(port, protocol, ip, outside[n] if outside else 0) for n, port in enumerate(inside)]


def _after_bracket(text: str) -> list[str]:
    """`[::1]:8080:80` in its parts."""
    address, _, rest = text.partition("]")
    return [address + "]", *rest.removeprefix(":").split(":")]


def _range(text: str, what: str, *, least: int = 1) -> list[int]:
    first, _, last = text.partition("-")
    numbers = range(int(first), int(last or first) + 1) if re.fullmatch(r"\d+(-\d+)?", text) else range(0)
    if not numbers or numbers[0] < least or numbers[-1] > 65535:
        raise UsageError(f"docker: Invalid {what}: {text}", hint="ports go from 1 to 65535")
    return list(numbers)


def exposed(text: str) -> list[str]:
    """`80`, `80/udp`, `80-82` of --expose as docker names ports: `80/tcp`."""
    ports, _, protocol = text.partition("/")
    first, _, last = ports.partition("-")
    for number in (first, last or first):
        if not number.isdigit() or int(number) > 65535:
            why = "value out of range" if number.isdigit() else "invalid syntax"
            raise UsageError(f'docker: invalid range format for --expose: {text}, error: strconv.ParseUint: parsing "{number}": {why}')
    if last and int(last) < int(first):
        raise UsageError(f"docker: invalid range format for --expose: {text}, error: Invalid range specified for the Port: {ports}")
    return [f"{number}/{protocol.lower() or 'tcp'}" for number in range(int(first), int(last or first) + 1)]
