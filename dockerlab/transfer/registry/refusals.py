"""What a registry's refusals mean, in Docker's words, and what to do about each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from dockerlab.errors import NotInRegistryError, RateLimitError, RegistryError
from dockerlab.oci.reference import HUB
from dockerlab.transfer.registry.endpoints import HUB_HOST, MIRRORS

if TYPE_CHECKING:
    from dockerlab.transfer.registry.client import Registry

_LONGEST = 300


def shown(text: str) -> str:
    """Text of a registry, fit to be shown: short, on one line, no control characters, no signatures of an address."""
    text = text.partition("?")[0] if "://" in text else text
    return "".join(one if one.isprintable() else " " for one in text[:_LONGEST])


def said(body: bytes) -> str:
    """`code: message` of an error's body as Docker shows it, or ""."""
    try:
        found: Any = json.loads(body)
        first = found["errors"][0] if "errors" in found else found
        code = str(first.get("code", "")).lower().replace("_", " ")
        message = str(first.get("message") or first.get("details") or "")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""
    return shown(": ".join(part for part in (code, message) if part))


def refusal(registry: Registry, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> RegistryError:
    """The error that a status means."""
    words, host = said(body), registry.endpoint.host
    name = registry.repository if host != HUB_HOST else registry.repository.removeprefix("library/")
    if status == 429 or words.startswith("toomanyrequests"):
        return _too_many(host, words.removeprefix("toomanyrequests: "), headers)
    if status in (401, 403) or words.startswith("denied"):
        if not registry.repository:
            top = f"{registry.scheme or 'https'}://{host}/v2/"
            if headers.get("WWW-Authenticate", "").lower().startswith("basic"):
                return RegistryError(f"login attempt to {top} failed with status: {status} {HTTPStatus(status).phrase}")
            return RegistryError(f'Get "{top}": unauthorized: {words.partition(": ")[2] or "incorrect username or password"}')
        pushes = "push" in registry.scope
        what = "push access denied" if pushes else "pull access denied"
        why = (
            "repository does not exist or may require authorization"
            if pushes
            else "repository does not exist or may require 'docker login'"
        )
        where = "" if host == HUB_HOST else f"{host}/"
        return NotInRegistryError(
            f"{what} for {where}{name}, {why}: {words or 'denied: requested access to the resource is denied'}",
            hint=f"dockerlab login {'' if host == HUB_HOST else host}".rstrip() + ", if it is yours; or look at the name",
        )
    if status == 404:
        tag = path.rpartition("/")[2]
        if "/manifests/" in path:
            where = "" if host == HUB_HOST else f"{host}/"
            return NotInRegistryError(
                f"manifest for {where}{name}{'@' if ':' in tag else ':'}{tag} not found: {words or 'manifest unknown'}"
            )
        return NotInRegistryError(f"{host}: {words or 'not found'}: {shown(path)}")
    if words:
        return RegistryError(f"{host}: {words}")
    return RegistryError(f'{method} "{shown(path)}": received unexpected HTTP status of {host}: {status}')


def _too_many(host: str, words: str, headers: Mapping[str, str]) -> RateLimitError:
    wait = headers.get("Retry-After", "")
    hub = host == HUB_HOST
    then = f"in {wait} seconds" if wait.isdigit() else "later"
    more = f"dockerlab login allows more, {MIRRORS} names another source, " if hub else ""
    return RateLimitError(
        f"toomanyrequests: {words or 'the registry answers no more for a while'} ({HUB if hub else host})",
        hint=f"try again {then}; {more}and with DOCKERLAB_BASES=catalogue base images are composed here",
    )
