"""The image as data: digests, references, configuration, history. Knows no disk and no process. (OCI image specification 1.1)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.oci.config import DEFAULT_PATH, HistoryEntry, ImageConfig, environment_of, own_architecture
    from dockerlab.oci.digest import chain_ids, digest_of, hex_of, short_id
    from dockerlab.oci.reference import Reference

_HOMES = {
    "DEFAULT_PATH": "config",
    "HistoryEntry": "config",
    "ImageConfig": "config",
    "Reference": "reference",
    "chain_ids": "digest",
    "digest_of": "digest",
    "environment_of": "config",
    "hex_of": "digest",
    "own_architecture": "config",
    "short_id": "digest",
}
__all__ = [
    "DEFAULT_PATH",
    "HistoryEntry",
    "ImageConfig",
    "Reference",
    "chain_ids",
    "digest_of",
    "environment_of",
    "hex_of",
    "own_architecture",
    "short_id",
]
__getattr__ = exported(__name__, _HOMES)
