"""`dockerlab share`: let others on this machine name this store as a read-only base of theirs."""

from __future__ import annotations

import argparse

from dockerlab.oci import short_id
from dockerlab.store import Store
from dockerlab.store.sharing import share


def main(words: list[str]) -> int:
    """Publish the layers and open what others look up; always 0. StoreError where the store can't be written."""
    argparse.ArgumentParser(
        prog="dockerlab share",
        description="Let every user of this machine read the images of this store, by DOCKERLAB_BASE_STORES. Its layers are kept once more in a form "
        "that all may read, without set-ID programs and devices; containers, volumes and the build cache are closed. "
        "Images that come later are shared as they come; run it again if others can't read something.",
    ).parse_args(words)
    store = Store.open()
    for diff_id in share(store):
        print(f"published layer {short_id(diff_id)}")
    print(f"{store.home} is shared: others name it by DOCKERLAB_BASE_STORES={store.home}")
    return 0
