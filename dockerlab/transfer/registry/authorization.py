"""What a registry wants to be shown: the challenge of its 401, and the header that answers it, a password or a token that a token server gave for it.

(RFC 9110 section 11; distribution's token authentication specification: realm, service, scope, expires_in; OAuth 2 for identity tokens)
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from dockerlab.data import dataclass
from dockerlab.errors import RegistryError
from dockerlab.transfer.registry.credentials import Credentials

_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')
_SCHEME = re.compile(r"\s*(Bearer|Basic)(?:\s+|$)", re.IGNORECASE)
_LIFE = 60.0
"""Seconds that a token lives whose server does not say."""
_EARLY = 10.0
"""Seconds before its end from which on a token is not shown any more: a request takes time too."""
CLIENT = "dockerlab"


@dataclass(frozen=True)
class Challenge:
    """`kind` is "bearer" or "basic"; `realm` where a token is had, `service` and `scope` what for."""

    kind: str
    realm: str = ""
    service: str = ""
    scope: str = ""


def challenges(header: str) -> list[Challenge]:
    """The challenges of a WWW-Authenticate header that we can answer, in its order."""
    return list(_challenges(header[:8192]))


def _challenges(text: str) -> Iterator[Challenge]:
    while match := _SCHEME.match(text):
        text = text[match.end() :]
        found: dict[str, str] = {}
        while not _SCHEME.match(text) and (parameter := _PARAMETER.match(text)):
            name, quoted, bare = parameter.groups()
            found[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            text = text[parameter.end() :]
        yield Challenge(match.group(1).lower(), found.get("realm", ""), found.get("service", ""), found.get("scope", ""))


class Fetch(Protocol):
    """How a token server is asked: the body of its answer; RegistryError where it refuses."""

    def __call__(self, url: str, *, authorization: str = "", form: dict[str, str] | None = None) -> bytes:
        """GET, or POST where there is a form."""


class Authorization:
    """The header for a registry, kept until it is no longer good. `credentials` is asked when something must be shown, and once."""

    def __init__(self, credentials: Callable[[], Credentials | None], fetch: Fetch, *, in_the_clear: bool = False) -> None:
        self._find, self._fetch, self._in_the_clear = credentials, fetch, in_the_clear
        self._asked = False
        self._credentials: Credentials | None = None
        self._headers: dict[str, tuple[str, float]] = {}

    @property
    def credentials(self) -> Credentials | None:
        """The user's, if there are any."""
        if not self._asked:
            self._credentials, self._asked = self._find(), True
        return self._credentials

    def header(self, scope: str) -> str:
        """What is known to be right for this scope, or ""."""
        value, until = self._headers.get(scope, ("", 0.0))
        return value if time.monotonic() < until else ""

    def answer(self, header: str, scope: str, refused: str) -> bool:
        """Take in the challenge of a 401; whether there is something new to show. `refused`: what was shown."""
        self._headers.pop(scope, None)
        for challenge in challenges(header):
            if challenge.kind == "basic" and (own := self.credentials) is not None and not own.identity_token:
                value, life = own.basic, 3600.0
            elif challenge.kind == "bearer" and challenge.realm:
                value, life = self._token(challenge, scope)
            else:
                continue
            if value == refused:
                continue
            self._headers[scope] = value, time.monotonic() + life
            return True
        return False

    def _token(self, challenge: Challenge, scope: str) -> tuple[str, float]:
        if not challenge.realm.startswith("https://") and not (self._in_the_clear and challenge.realm.startswith("http://")):
            raise RegistryError(
                f'the registry sends us to "{challenge.realm[:200]}" for a token, which is not encrypted', hint="nothing was sent there"
            )
        from urllib.parse import urlencode

        own = self.credentials
        scopes = scope.split(" ") if scope else [challenge.scope] if challenge.scope else []
        if own is not None and own.identity_token:
            form = {"grant_type": "refresh_token", "service": challenge.service, "client_id": CLIENT, "refresh_token": own.identity_token}
            if scopes:
                form["scope"] = " ".join(scopes)
            answer = self._fetch(challenge.realm, form=form)
        else:
            query = [("service", challenge.service)] if challenge.service else []
            query += [("scope", one) for one in scopes]
            query += [("account", own.username)] if own is not None else []
            separator = "&" if "?" in challenge.realm else "?"
            url = challenge.realm + (separator + urlencode(query) if query else "")
            answer = self._fetch(url, authorization=own.basic if own is not None else "")
        return _read_token(answer)


def _read_token(answer: bytes) -> tuple[str, float]:
    """(the header's value, seconds that it is good for)."""
    try:
        found: Any = json.loads(answer)
        token = found.get("token") or found.get("access_token")
        life = float(found.get("expires_in") or _LIFE)
    except (ValueError, AttributeError, TypeError, RecursionError):
        token, life = None, _LIFE
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise RegistryError("the token server of the registry answered without a token")
    return f"Bearer {token}", max(1.0, min(life, 86400.0) - _EARLY)
