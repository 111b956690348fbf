"""`docker pull`, `push` and `login` where a daemon speaks to the registry: it is given the user's password, and what it tells is passed on."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dockerlab.engine.daemon.calls import Calls, objects
from dockerlab.errors import DockerlabError, NotFoundError, RegistryError, RuntimeUnavailableError
from dockerlab.oci import Reference
from dockerlab.oci.reference import HUB
from dockerlab.transfer.registry import Progress

if TYPE_CHECKING:
    from dockerlab.transfer.registry.credentials import Credentials

Json = dict[str, Any]


def pull(calls: Calls, reference: Reference, platform: str, all_tags: bool) -> Iterator[Progress]:
    """What happens, as it happens. RegistryError in the daemon's words."""
    tag = "" if all_tags else reference.digest or reference.tag
    asked = {"fromImage": f"{reference.domain}/{reference.path}", "tag": tag or None, "platform": platform or None}
    yield from _told(calls, "/images/create", reference.domain, asked)


def push(calls: Calls, reference: Reference, all_tags: bool) -> Iterator[Progress]:
    """What happens, as it happens. NotFoundError for a name that the daemon has not, RegistryError in the daemon's words."""
    place = f"/images/{reference.domain}/{reference.path}/push"
    yield from _told(calls, place, reference.domain, {"tag": None if all_tags else reference.tag})


def _told(calls: Calls, place: str, domain: str, asked: Json) -> Iterator[Progress]:
    try:
        answer = calls.post(place, as_stream=True, headers={"X-Registry-Auth": _password(domain)}, **asked)
    except RuntimeUnavailableError:
        raise
    except DockerlabError as error:
        raise _refusal(error.message, domain, type(error)) from None
    try:
        for item in objects(answer):
            if "error" in item:
                raise _refusal(str(item["error"]), domain)
            count = item.get("progressDetail") or {}
            if "status" in item:
                yield Progress(str(item["status"]), str(item.get("id", "")), int(count.get("current") or 0), int(count.get("total") or 0))
    finally:
        answer.close()  # who goes away ends it


def _refusal(text: str, domain: str, kind: type[DockerlabError] = RegistryError) -> DockerlabError:
    """`kind`: what it is by the API's status, if it has one."""
    kind = RegistryError if kind is DockerlabError else kind
    if text.startswith(("An image does not exist locally", "tag does not exist")):
        return NotFoundError(text, hint="dockerlab tag gives an image that name")
    if "no basic auth credentials" in text or "denied" in text or "unauthorized" in text:
        where = "" if domain == HUB else f" {domain}"
        return kind(text, hint=f"dockerlab login{where}, if it is yours; or look at the name")
    return kind(text)


def login(calls: Calls, domain: str, credentials: Credentials) -> None:
    """Let the daemon show a registry a name and a password. RegistryError if it does not take them."""
    try:
        calls.post("/auth", body={"username": credentials.username, "password": credentials.password, "serveraddress": _key(domain)})
    except DockerlabError as error:
        raise RegistryError(error.message, hint=error.hint) from None


def _key(domain: str) -> str:
    from dockerlab.transfer.registry.endpoints import endpoint_of

    return endpoint_of(domain).key


def _password(domain: str) -> str:
    """The header X-Registry-Auth; an empty object where nothing is kept for that registry."""
    from dockerlab.transfer.registry import credentials

    own = credentials.find(_key(domain))
    told: Json = {}
    if own is not None:
        told = {"identitytoken": own.identity_token} if own.identity_token else {"username": own.username, "password": own.password}
        told["serveraddress"] = _key(domain)
    return urlsafe_b64encode(json.dumps(told).encode()).decode()
