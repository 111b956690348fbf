"""The folder that `skopeo copy … dir:` and `podman save --format docker-dir` write: one image, its manifest, and blobs named by their digests alone. (containers/image, directory transport)"""

from __future__ import annotations

from functools import partial
from typing import Any

from dockerlab.errors import StoreError
from dockerlab.oci.digest import digest_of, hex_of
from dockerlab.transfer.descriptors import Descriptor
from dockerlab.transfer.found import Found, configuration
from dockerlab.transfer.members import NOTHING, Members, text_of
from dockerlab.transfer.oci_layout import descriptor, descriptors, open_layer


def found_in_folder(members: Members, manifest: dict[str, Any]) -> list[Found]:
    """Its image, which has no name there. StoreError for whatever is wrong."""
    config = descriptor(manifest.get("config"), members)
    raw = text_of(members, _name(config, members))
    if digest_of(raw) != config.digest or len(raw) != config.size:
        raise StoreError(f"the {members.what}'s blob {config.digest} is damaged: it is {digest_of(raw)}", hint=NOTHING)
    layers = [partial(open_layer, members, one, _name(one, members)) for one in descriptors(manifest, "layers", members)]
    return [Found(configuration(raw, config.digest, members.what), raw, layers, [])]


def _name(one: Descriptor, members: Members) -> str:
    try:
        return hex_of(one.digest)
    except ValueError:
        raise StoreError(f"the {members.what} names a blob {one.digest[:100]!r}, which is no digest of sha256", hint=NOTHING) from None
