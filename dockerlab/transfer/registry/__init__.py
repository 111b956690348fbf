"""Registries: images in and out, by the OCI distribution protocol (specification 1.1) and by Docker's own conventions above it.

The nouns are the specifications':

    Endpoint     where a registry answers: its address, in the clear or not, whose password it may have
    Credentials  a user's name and password, or a token that stands for them, from Docker's own configuration
    Registry     one repository of one registry over HTTP: tokens, retries, redirects, answers of bounded size
    Descriptor   what something is, how long it is, its digest: believed only as far as it was compared
    Manifest     an image's configuration and layers as descriptors; an index names one manifest a platform
    Progress     what is told while it goes: an item of Docker's own stream of `docker pull`

One walk of data, `docker pull nginx`:

    Reference("docker.io", "library/nginx", "latest")
      → endpoints.endpoints_of   mirrors first, then registry-1.docker.io
      → client.Registry.get      401, authorization.token, again; its bytes hashed
      → descriptors.for_platform the index's manifest for linux/amd64
      → pulling.pull             its configuration, whose diff IDs say which layers are here already; the others three at a time:
          blobs.Blob             the bytes as they come; a transfer that broke goes on where it stood; length and digest at the end
          → layers.packed        gzip, zstd or nothing
          → store.layers.arrive  hashed and laid out in the same pass; it gets its name only when both digests are right
      → store.images.add, .tag   all layers are there: only now is there an image

and back, `docker push`: each layer is looked for in the repository, mounted from another one, or packed and sent in pieces; then the configuration, then the manifest.

Whatever a registry says may be hostile. Nothing here knows engines, verbs or the catalogue; HTTP is urllib3's, loaded by the first request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.transfer.registry.client import Registry
    from dockerlab.transfer.registry.manifests import Manifest
    from dockerlab.transfer.registry.progress import Progress
    from dockerlab.transfer.registry.pulling import Pulled, pull
    from dockerlab.transfer.registry.pushing import push

_HOMES = {
    "Manifest": "manifests",
    "Progress": "progress",
    "Pulled": "pulling",
    "Registry": "client",
    "pull": "pulling",
    "push": "pushing",
}
__all__ = ["Manifest", "Progress", "Pulled", "Registry", "pull", "push"]
__getattr__ = exported(__name__, _HOMES)
