"""One request to the daemon. What it refuses becomes an error of ours, in the daemon's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from dockerlab.errors import ConflictError, DockerlabError, NotFoundError, RuntimeUnavailableError

if TYPE_CHECKING:
    from docker import APIClient
    from requests import Response

Json = dict[str, Any]


@contextmanager
def told() -> Iterator[None]:
    """Around a request: NotFoundError (404), ConflictError (409), DockerlabError for another refusal, RuntimeUnavailableError if nobody answers any more."""
    import requests
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise refusal(error.status_code or 500, str(error.explanation or error)) from None
    except (requests.exceptions.RequestException, DockerException) as error:
        raise RuntimeUnavailableError(f"the Docker daemon does not answer: {error}", hint="docker info says whether it runs") from None


def refusal(status: int, message: str) -> DockerlabError:
    """An error of the API as one of ours."""
    message = message.strip().removeprefix("Error response from daemon: ")
    if status == 404:
        return NotFoundError(message)
    if status == 409:
        return ConflictError(message)
    return DockerlabError(message)


class Calls:
    """Requests that the SDK has no method for, or has one that knows less than the API."""

    def __init__(self, client: APIClient) -> None:
        self.client = client
        self.root = f"{client.base_url}/v{client.api_version}"

    def get(self, path: str, /, *, as_stream: bool = False, **params: Any) -> Response:
        """GET, checked."""
        return self._checked("GET", path, params, as_stream)

    def head(self, path: str, /, **params: Any) -> Response:
        """HEAD, checked."""
        return self._checked("HEAD", path, params)

    def post(
        self,
        path: str,
        /,
        *,
        as_stream: bool = False,
        body: IO[bytes] | Json | None = None,
        headers: dict[str, str] | None = None,
        **params: Any,
    ) -> Response:
        """POST, checked; `body`: a tar, or an object."""
        return self._checked("POST", path, params, as_stream, body, headers)

    def delete(self, path: str, /, **params: Any) -> Response:
        """DELETE, checked."""
        return self._checked("DELETE", path, params)

    def put(self, path: str, body: IO[bytes], /, **params: Any) -> Response:
        """PUT a tar, checked."""
        return self._checked("PUT", path, params, body=body)

    def _checked(
        self,
        method: str,
        path: str,
        params: Json,
        as_stream: bool = False,
        body: IO[bytes] | Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        query = {key: value for key, value in params.items() if value is not None}
        wanted: Json = {"params": query, "stream": as_stream, "timeout": self.client.timeout, "headers": headers or {}}
        if isinstance(body, dict):
            wanted["json"] = body
        elif body is not None:
            wanted |= {"data": body, "headers": {**wanted["headers"], "Content-Type": "application/x-tar"}}
        with told():
            answer: Response = self.client.request(method, self.root + path, **wanted)
        refused(answer)
        return answer


def refused(answer: Response) -> None:
    """Raise what an answer says, if it is a refusal."""
    if answer.status_code >= 400:
        raise refusal(answer.status_code, _message(answer))


def _message(answer: Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text or answer.reason


def objects(answer: Response) -> Iterator[Json]:
    """The JSON objects of an answer that streams them, a line each."""
    with told():
        for line in answer.iter_lines():
            if line.strip():
                yield cast(Json, json.loads(line))


class Body:
    """An answer that streams bytes, as a file to read."""

    def __init__(self, answer: Response) -> None:
        self._pieces = answer.iter_content(1 << 20)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end."""
        pieces, have = [self._rest], len(self._rest)
        with told():
            while size < 0 or have < size:
                piece = next(self._pieces, b"")
                if not piece:
                    break
                pieces.append(piece)
                have += len(piece)
        whole = b"".join(pieces)
        cut = len(whole) if size < 0 else size
        whole, self._rest = whole[:cut], whole[cut:]
        return whole
