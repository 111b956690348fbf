"""One repository of a registry over HTTP: tokens, retries with back-off, redirects that end, answers that have a limit, errors that say what to do.

urllib3 does the talking: it is there with `docker`, its streams can be shut from another thread, and it knows pools and proxies; the first request loads it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from dockerlab import __version__
from dockerlab.errors import RegistryError, UnreachableRegistryError
from dockerlab.transfer.registry.authorization import Authorization
from dockerlab.transfer.registry.credentials import Credentials, find
from dockerlab.transfer.registry.endpoints import Endpoint
from dockerlab.transfer.registry.refusals import refusal, shown

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager

TRIES = 5
"""So often is something asked for that breaks on the way."""
FIRST_WAIT = 0.5
"""Seconds before the second try; twice as long before each further one."""
_PATIENCE = 30.0
"""Seconds without a byte after which a registry is taken to be gone."""
_CONNECT = 10.0
_HOPS = 10
_CHAIN = 10  # errors that were raised for one another
_SMALL = 1 << 20
_AGAIN = (408, 500, 502, 503, 504)
_PAGES, _PAGE = 1000, 8 << 20


class Stopped(Exception):
    """Whoever asked does not want it any more."""


class Registry:
    """`repository` is a path such as library/nginx; `actions` what a token is for ("pull", "pull,push"); `credentials` overrides the user's own.

    Threads may share it. `stop()` ends all that it is doing, from any thread: they get `Stopped`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        repository: str,
        *,
        actions: str = "pull",
        credentials: Callable[[], Credentials | None] | None = None,
        tries: int = TRIES,
    ) -> None:
        self.endpoint, self.repository, self.tries = endpoint, repository, tries
        self.scope = f"repository:{repository}:{actions}" if repository else ""
        self.scheme = endpoint.schemes[0] if len(endpoint.schemes) == 1 else ""
        self._credentials = credentials or (lambda: find(endpoint.key))
        self._authorizing = threading.Lock()
        self._stopped = threading.Event()
        self._open: set[BaseHTTPResponse] = set()
        self._answered = False
        """Whether anybody is there: who never answered is not waited for."""

    @cached_property
    def _pool(self) -> PoolManager | ProxyManager:
        import urllib3

        more: dict[str, Any] = {"retries": False, "maxsize": 8, "timeout": urllib3.Timeout(connect=_CONNECT, read=_PATIENCE)}
        if self.endpoint.insecure:
            import warnings

            warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)
            more |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        if proxy := proxy_of(self.endpoint):
            return urllib3.ProxyManager(proxy, **more)
        return urllib3.PoolManager(**more)

    @cached_property
    def _authorization(self) -> Authorization:
        return Authorization(self._credentials, self._ask_for_a_token, in_the_clear=self.endpoint.insecure or self.scheme == "http")

    # --- one request

    def request(
        self,
        method: str,
        path: str,
        *,
        ok: Iterable[int] = (200,),
        headers: Mapping[str, str] = {},
        body: bytes | None = None,
        scope: str = "",
        again: bool = True,
    ) -> BaseHTTPResponse:
        """The answer, its body still to be read (and then to be let go of, by `done`); `path` is one of the registry, or an address that it gave.

        `again`: it may be asked twice. RegistryError and its kin for any other status than `ok`, and when nothing helped.
        """
        scope, wait, tries = scope or self.scope, FIRST_WAIT, self.tries if again else 1
        while True:
            tries -= 1
            try:
                response = self._authorized(method, path, headers, body, scope)
            except UnreachableRegistryError:
                if tries <= 0 or not self._answered:
                    raise
            else:
                if response.status in ok:
                    return response
                if response.status not in _AGAIN or tries <= 0:
                    with self.closing(response):
                        raise refusal(self, method, path, response.status, response.headers, _beginning(response))
                self.done(response)
            self.pause(wait)
            wait *= 2

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody stops us."""
        if self._stopped.wait(seconds):
            raise Stopped

    def _authorized(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, scope: str) -> BaseHTTPResponse:
        for _ in range(3):
            shown_before = self._authorization.header(scope) if self.scheme else ""
            more = {**headers, **({"Authorization": shown_before} if shown_before else {})}
            response = self._redirected(method, path, more, body)
            challenge = response.headers.get("WWW-Authenticate", "")
            if response.status != 401 or not challenge:
                return response
            with self._authorizing:
                if self._authorization.header(scope) in ("", shown_before) and not self._authorization.answer(
                    challenge, scope, shown_before
                ):
                    return response
            self.done(response)
        return response

    def _redirected(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> BaseHTTPResponse:
        response, url = self._first(method, path, headers, body)
        for _ in range(_HOPS):
            location = response.headers.get("Location")
            if response.status not in (301, 302, 303, 307, 308) or not location or method not in ("GET", "HEAD"):
                return response
            self.done(response)
            before, url = url, urljoin(url, location)
            if urlsplit(url).scheme not in ("http", "https") or (urlsplit(before).scheme == "https" and not url.startswith("https:")):
                raise RegistryError(f'{self.endpoint.host} sends us on to "{shown(url)}", which is not encrypted')
            if urlsplit(before).netloc != urlsplit(url).netloc:  # a store of blobs has no business with a password of the registry
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            response = self._once(method, url, headers, body)
        self.done(response)
        raise RegistryError(
            f'{method} "{shown(url)}": stopped after {_HOPS} redirects', hint="the registry is set up wrongly: it sends us round in circles"
        )

    def _first(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> tuple[BaseHTTPResponse, str]:
        """The first answer, and where it came from: who does not know yet whether it is in the clear tries."""
        if "://" in path:
            return self._once(method, path, headers, body), path
        for scheme in (self.scheme,) if self.scheme else self.endpoint.schemes:
            url = f"{scheme}://{self.endpoint.host}{path}"
            try:
                response = self._once(method, url, headers, body)
            except UnreachableRegistryError:
                if scheme == self.endpoint.schemes[-1] or self.scheme:
                    raise
                continue
            self.scheme = scheme
            return response, url
        raise AssertionError("an endpoint has a scheme")

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> BaseHTTPResponse:
        from urllib3.exceptions import HTTPError

        if self._stopped.is_set():
            raise Stopped
        own = {"User-Agent": f"dockerlab/{__version__}", "Accept-Encoding": "identity", **headers}
        try:
            response = self._pool.request(method, url, headers=own, body=body, redirect=False, preload_content=False, decode_content=False)
        except HTTPError as error:
            raise unreachable(url, error) from error
        self._open.add(response)
        self._answered = True
        if self._stopped.is_set():
            self.stop()
            raise Stopped
        return response

    def _ask_for_a_token(self, url: str, *, authorization: str = "", form: dict[str, str] | None = None) -> bytes:
        from urllib.parse import urlencode

        headers = {"Authorization": authorization} if authorization else {}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        response = self._redirected("POST" if form else "GET", url, headers, urlencode(form).encode() if form else None)
        with self.closing(response):
            if response.status != 200:
                raise refusal(self, "GET", url, response.status, response.headers, _beginning(response))
            return whole(response, _SMALL)

    # --- responses

    def done(self, response: BaseHTTPResponse) -> None:
        """Let go of an answer, read or not: a short rest is read, so that the connection can be used again."""
        from urllib3.exceptions import HTTPError

        self._open.discard(response)
        try:
            if response.length_remaining is not None and response.length_remaining <= _SMALL:
                response.drain_conn()
                response.release_conn()
            else:
                response.close()
        except (HTTPError, OSError, ValueError):
            response.close()

    def closing(self, response: BaseHTTPResponse) -> _Closing:
        """`done` at the end of a with."""
        return _Closing(self, response)

    def stop(self) -> None:
        """End whatever it is doing."""
        self._stopped.set()
        for response in list(self._open):
            try:
                response.shutdown()
            except (OSError, ValueError, RuntimeError):  # ended meanwhile
                continue

    @property
    def stopped(self) -> bool:
        """Whether somebody has stopped it."""
        return self._stopped.is_set()

    def close(self) -> None:
        """Close what is kept open to be used again."""
        if "_pool" in self.__dict__:
            self._pool.clear()

    # --- what has a limit

    def get(self, path: str, most: int, accept: str = "*/*") -> tuple[bytes, Mapping[str, str]]:
        """A whole answer of at most `most` bytes, and its headers. RegistryError for a longer one."""
        from urllib3.exceptions import HTTPError

        wait = FIRST_WAIT
        for left in reversed(range(self.tries)):
            with self.closing(self.request("GET", path, headers={"Accept": accept})) as response:
                try:
                    return whole(response, most), response.headers
                except (HTTPError, OSError, ValueError) as error:
                    if self.stopped:
                        raise Stopped from None
                    if not left:
                        raise unreachable(f"{self.scheme}://{self.endpoint.host}{path}", error) from error
            self.pause(wait)
            wait *= 2
        raise AssertionError("tried at least once")

    def ping(self) -> None:
        """Whether it is a registry, and takes what we show. RegistryError if not."""
        self.done(self.request("GET", "/v2/", scope=self.scope))

    def tags(self) -> list[str]:
        """The repository's tags, in the registry's order. (distribution specification, Listing Tags)"""
        path, found = f"/v2/{self.repository}/tags/list", []
        for _ in range(_PAGES):
            data, headers = self.get(path, _PAGE)
            try:
                page = json.loads(data)["tags"] or []
            except (ValueError, KeyError, TypeError, RecursionError):
                raise RegistryError(f"{self.endpoint.host} answered with no list of tags") from None
            found += [tag for tag in page if isinstance(tag, str)]
            following, _, relation = headers.get("Link", "").partition(">")
            if 'rel="next"' not in relation or not page:
                return found
            path = urljoin(path, following.lstrip(" <"))
        raise RegistryError(f"{self.endpoint.host} has no end of tags")


class _Closing:
    def __init__(self, registry: Registry, response: BaseHTTPResponse) -> None:
        self._registry, self._response = registry, response

    def __enter__(self) -> BaseHTTPResponse:
        return self._response

    def __exit__(self, *_: object) -> None:
        self._registry.done(self._response)


def whole(response: BaseHTTPResponse, most: int) -> bytes:
    """A body that may not be longer than `most` bytes."""
    out = b""
    while len(out) <= most and (block := response.read(most + 1 - len(out))):
        out += block
    if len(out) > most:
        raise RegistryError(
            f"the registry's answer has more than {most >> 20 or 1} MB, which is too much for what it should be",
            hint="nothing of it was kept",
        )
    return out


def _beginning(response: BaseHTTPResponse) -> bytes:
    from urllib3.exceptions import HTTPError

    try:
        return response.read(1 << 16)
    except (HTTPError, OSError, ValueError):
        return b""


def unreachable(url: str, error: Exception) -> UnreachableRegistryError:
    """The error of a connection that was not to be had, or broke."""
    return UnreachableRegistryError(
        f'Get "{shown(url)}": {_reason(error)[:300]}',
        hint="look at the network and at the registry's name; dockerlab load brings images in without one",
    )


def _reason(error: BaseException) -> str:
    """What the machine said, if it was the machine: the library tells of its own objects."""
    import os
    import ssl

    one: BaseException | None = error
    for _ in range(_CHAIN):
        if isinstance(one, OSError) and one.errno and not isinstance(one, ssl.SSLError):
            return os.strerror(one.errno).lower()
        if one is None:
            break
        reason = getattr(one, "reason", None)
        one = reason if isinstance(reason, BaseException) else one.__cause__ or one.__context__
    text = str(getattr(error, "reason", None) or error)
    return text.rpartition(">: ")[2] or text


def proxy_of(endpoint: Endpoint) -> str:
    """The proxy that the environment names for it, or ""."""
    import os

    from dockerlab.transfer.registry.endpoints import is_loopback

    if is_loopback(endpoint.name) or not any(name.lower().endswith("_proxy") for name in os.environ):
        return ""
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    if proxy_bypass(endpoint.name):
        return ""
    proxy = proxies.get(endpoint.schemes[0]) or proxies.get("all") or ""
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
