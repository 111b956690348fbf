"""The authorities that a system trusts, as the scripts of ca-certificates and ca-certificates-java put them together from the certificates of the first.

Of what `update-ca-certificates` makes the links by hash are missing: OpenSSL finds the bundle by /usr/lib/ssl/cert.pem and needs none.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from struct import pack

from dockerlab.transfer.catalogue.layer import LayerDraft
from dockerlab.transfer.catalogue.recipe import DATA

_SHIPPED, _ETC = "/usr/share/ca-certificates", "/etc/ssl/certs"
_PASSWORD = "changeit"
"""Debian's and everybody's: it keeps nothing secret, the store is checked with it."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.S)


def put_together(layer: LayerDraft, kinds: Iterable[str]) -> None:
    """Write "openssl"'s bundle and links to single certificates, "java"'s key store, or both, of all that ca-certificates ships."""
    found = _shipped(layer)
    for kind in kinds:
        _KINDS[kind](layer, found)


def key_store(certificates: Mapping[str, bytes], mtime: int) -> bytes:
    """A key store of trusted certificates (alias → DER) in Java's own format JKS, version 2; `mtime` in seconds.

    (sun.security.provider.JavaKeyStore: numbers big-endian, then SHA-1 of the password, a phrase and everything before)
    """
    out = bytearray(pack(">IIi", 0xFEEDFEED, 2, len(certificates)))
    for alias, der in sorted(certificates.items()):
        out += pack(">i", 2) + _utf(alias) + pack(">q", mtime * 1000) + _utf("X.509") + pack(">i", len(der)) + der
    return bytes(out) + hashlib.sha1(_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + out, usedforsecurity=False).digest()


def _utf(text: str) -> bytes:
    data = text.encode()
    return pack(">H", len(data)) + data


def _shipped(layer: LayerDraft) -> dict[str, bytes]:
    """The certificates by their paths below the folder of ca-certificates, sorted."""
    names = (f"{folder}/{name}" for folder in layer.names(_SHIPPED) for name in layer.names(f"{_SHIPPED}/{folder}"))
    return {name: layer.read(f"{_SHIPPED}/{name}") for name in names if name.endswith(".crt")}


def _openssl(layer: LayerDraft, certificates: Mapping[str, bytes]) -> None:
    head = (DATA / "files" / "ca-certificates.conf").read_bytes()
    layer.write("/etc/ca-certificates.conf", head + "".join(f"{name}\n" for name in certificates).encode())
    layer.folder("/usr/local/share/ca-certificates")
    for name in certificates:
        layer.symlink(f"{_ETC}/{_pem(name)}", f"{_SHIPPED}/{name}")
    layer.write(f"{_ETC}/ca-certificates.crt", b"".join(data.rstrip(b"\n") + b"\n" for data in certificates.values()))


def _java(layer: LayerDraft, certificates: Mapping[str, bytes]) -> None:
    found = {
        f"debian:{_pem(name)}".lower(): base64.b64decode(match[1]) for name, data in certificates.items() if (match := _PEM.search(data))
    }
    layer.write(f"{_ETC}/java/cacerts", key_store(found, layer.mtime))


def _pem(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".crt").translate(str.maketrans(" (),", "_==_")) + ".pem"


_KINDS = {"openssl": _openssl, "java": _java}
