"""The image as data: digests, references, configuration, history. Knows no disk and no process. (OCI image specification 1.1)"""

from dockerlab.oci.config import DEFAULT_PATH, HistoryEntry, ImageConfig, environment_of, own_architecture
from dockerlab.oci.digest import chain_ids, digest_of, hex_of, short_id
from dockerlab.oci.reference import Reference

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
