"""Archives and downloads for ADD: an archive is known by its first bytes, not by its name; a download is checked against --checksum."""

from __future__ import annotations

import bz2
import email.utils
import gzip
import hashlib
import io
import lzma
import posixpath
import re
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from typing import IO, cast

from dockerlab.build.sources import Source
from dockerlab.errors import BuildError

_URL = re.compile(r"https?://", re.IGNORECASE)
_GIT = re.compile(r"(git@|git://|ssh://|https?://[^?#]*\.git(?:[#?]|\Z))")


def is_url(word: str) -> bool:
    """Whether ADD would download it."""
    return bool(_URL.match(word)) and not is_git(word)


def is_git(word: str) -> bool:
    """Whether ADD would clone it."""
    return bool(_GIT.match(word))


def _raw(source: Source) -> IO[bytes]:
    return io.BufferedReader(source.node.open()) if source.node is not None else io.BytesIO(source.data)


def _decompressed(stream: IO[bytes]) -> IO[bytes]:
    head = stream.read(6)
    stream.seek(0)
    if head[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.GzipFile(fileobj=stream))
    if head[:3] == b"BZh":
        return cast(IO[bytes], bz2.BZ2File(stream))
    if head[:6] == b"\xfd7zXZ\0":
        return cast(IO[bytes], lzma.LZMAFile(stream))
    if head[:4] == b"\x28\xb5\x2f\xfd":
        try:
            import zstandard
        except ImportError:
            raise BuildError(
                "the archive is compressed with zstd, which needs the Python package zstandard", hint="pip install zstandard"
            ) from None
        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(stream))
    return stream


def open_archive(source: Source) -> IO[bytes]:
    """The plain tar inside."""
    return _decompressed(_raw(source))


def is_archive(source: Source) -> bool:
    """Whether it is a tar, packed or not, by its content."""
    if source.node is not None and (source.node.is_dir or source.node.entry.kind != "file"):
        return False
    try:
        with open_archive(source) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            return tar.next() is not None
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, ValueError):
        return False


def checksum_of(text: str) -> str:
    """--checksum, checked for its form. ValueError in BuildKit's words."""
    if text and not re.match(r"sha256:[0-9a-f]{64}\Z", text):
        raise ValueError("invalid checksum digest format")
    return text


def download(url: str, checksum: str, destination: str) -> Source:
    """Fetch a URL. BuildError in BuildKit's words for a status, a failed look-up or a digest that differs."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "dockerlab"}), timeout=30) as answer:
            data = answer.read()
            modified = answer.headers.get("Last-Modified")
    except urllib.error.HTTPError as error:
        raise BuildError(
            f"failed to load cache key: invalid response status {error.code}: {url}", hint="open the address in a browser: is it right?"
        ) from None
    except (urllib.error.URLError, OSError) as error:
        raise BuildError(
            f"failed to load cache key: {url}: {getattr(error, 'reason', error)}", hint="is there a network, and is the address right?"
        ) from None
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if checksum and digest != checksum:
        raise BuildError(
            f"digest mismatch {digest}: {checksum}", hint="the file is not the one that --checksum names; do not use it unchecked"
        )
    mtime = int(email.utils.parsedate_to_datetime(modified).timestamp()) if modified else None
    name = posixpath.basename(urllib.parse.urlsplit(url).path)
    if not name and destination.endswith("/"):
        raise BuildError(f"cannot determine filename for {url}", hint="write the file's name at the end of the destination")
    return Source(name, None, data, 0o600, mtime if mtime is not None else 0, asked=url)
