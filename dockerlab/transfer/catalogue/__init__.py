"""Base images without a registry: composed from Debian packages, by whoever you are, with no root and no container.

    apt-get (private folders, our sources, our keys)  →  archives, their digests from the signed index
    dpkg-deb  →  a layer's tree, what its maintainer scripts would have done written down as data in recipes/*.toml

`apt` asks the package manager, `deb` reads an archive, `recipe` reads the data, `compose` makes a layer of both, `effects` does what the
scripts would have done (`certificates`: the authorities that TLS trusts), `database` keeps dpkg's own records true, so that `apt-get install`
works in the image. `catalogue` puts it together. No package of the host, no setting of its apt and none of its keys is used.
"""

from dockerlab.transfer.catalogue.catalogue import Catalogue, CatalogueEntry, tags_of

__all__ = ["Catalogue", "CatalogueEntry", "tags_of"]
