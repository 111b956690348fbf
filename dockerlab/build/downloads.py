"""Downloads for ADD: to a file, since nobody knows how long they are, and checked against --checksum."""

from __future__ import annotations

import email.utils
import hashlib
import posixpath
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path

from dockerlab.build.sources import Source
from dockerlab.errors import BuildError

_BLOCK = 1 << 20
_WAIT = 30  # seconds without a byte


def download(url: str, checksum: str, destination: str, scratch: Path) -> Source:
    """Fetch a URL into the folder `scratch`. BuildError in BuildKit's words for a status, a failed look-up, a cut or a digest that differs."""
    name = posixpath.basename(urllib.parse.urlsplit(url).path)
    if not name and destination.endswith("/"):
        raise BuildError(f"cannot determine filename for {url}", hint="write the file's name at the end of the destination")
    file = scratch / f"download-{hashlib.sha256(url.encode()).hexdigest()}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "dockerlab"}), timeout=_WAIT) as answer:
            digest = _keep(answer, file)
            modified = answer.headers.get("Last-Modified")
    except urllib.error.HTTPError as error:
        raise BuildError(
            f"failed to load cache key: invalid response status {error.code}: {url}", hint="open the address in a browser: is it right?"
        ) from None
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise BuildError(
            f"failed to load cache key: {url}: {getattr(error, 'reason', error)}", hint="is there a network, and is the address right?"
        ) from None
    if checksum and digest != checksum:
        raise BuildError(
            f"digest mismatch {digest}: {checksum}", hint="the file is not the one that --checksum names; do not use it unchecked"
        )
    return Source(name, None, mode=0o600, mtime=_time_of(modified), asked=url, file=str(file), digest=digest)


def _keep(answer: object, file: Path) -> str:
    digest, length = hashlib.sha256(), answer.headers.get("Content-Length")  # type: ignore[attr-defined]
    total = 0
    with open(file, "wb") as out:
        while block := answer.read(_BLOCK):  # type: ignore[attr-defined]
            digest.update(block)
            out.write(block)
            total += len(block)
    if length is not None and total != int(length):
        raise HTTPException(f"the answer was cut short ({total} of {length} bytes)")
    return "sha256:" + digest.hexdigest()


def _time_of(modified: str | None) -> float:
    """Last-Modified in seconds since 1970; 0 without one that can be read, as BuildKit has it."""
    try:
        return email.utils.parsedate_to_datetime(modified).timestamp() if modified else 0
    except ValueError:
        return 0
