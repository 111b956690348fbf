"""/etc/hosts, /etc/hostname and /etc/resolv.conf of a container: made for each start, bound in, never part of a layer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

# As Docker 28 writes them (BuildKit writes the first two lines only).
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_MORE_HOSTS = "fe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"


def etc_files(hostname: str, hosts: Iterable[tuple[str, str]], *, own_network: bool, build: bool) -> dict[str, bytes]:
    """File name in /etc -> contents. A RUN of BuildKit gets no /etc/hostname."""
    text = _HOSTS if build else _HOSTS + _MORE_HOSTS
    text += "".join(f"{address}\t{name}\n" for address, name in hosts)
    if hostname and not any(name == hostname for _, name in hosts):
        text += f"127.0.0.1\t{hostname.split('.')[0] if '.' not in hostname else hostname + ' ' + hostname.split('.')[0]}\n"
    files = {"hosts": text.encode(), "resolv.conf": b"" if own_network else _resolv_conf()}
    if not build:
        files["hostname"] = f"{hostname}\n".encode()
    return files


def _resolv_conf() -> bytes:
    try:
        return Path("/etc/resolv.conf").read_bytes()
    except OSError:
        return b""
