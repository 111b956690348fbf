"""What a layer is: a change set of a file tree.

The same change set has two forms. As a directory (overlay's upper format) it is what containers are mounted from; as a tar stream (OCI image
specification, layer.md) it is what travels, and its hash is the layer's name. `Tree` writes the directory, `write_layer` turns it into the
tar, `read_tar` a tar into it; `TreeView` looks at several, one above the other, as overlay would show them, without mounting anything.

    COPY a.txt /srv/  →  Tree(folder/"tree").write_from("srv/a.txt", …)  →  write_layer(folder/"tree")  →  LayerSummary(diff_id, size, entries)

Whiteouts, opaque marks and owner records live in this room and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockerlab.lazy import exported

if TYPE_CHECKING:
    from dockerlab.layers.changed import changes
    from dockerlab.layers.duplicate import copy_tree
    from dockerlab.layers.entry import Change, Entry, LayerSummary
    from dockerlab.layers.live_tree import LiveTree
    from dockerlab.layers.owners import Owners
    from dockerlab.layers.reader import read_tar
    from dockerlab.layers.removal import remove_tree
    from dockerlab.layers.times import settle_times
    from dockerlab.layers.tree import Tree
    from dockerlab.layers.users import User, find_group, find_user, may_name_others
    from dockerlab.layers.view import Node, TreeView, bytes_of_files
    from dockerlab.layers.whiteouts import is_whiteout
    from dockerlab.layers.writer import tree_entries, write_entries, write_layer

_HOMES = {
    "Change": "entry",
    "Entry": "entry",
    "LayerSummary": "entry",
    "LiveTree": "live_tree",
    "Node": "view",
    "Owners": "owners",
    "Tree": "tree",
    "TreeView": "view",
    "User": "users",
    "bytes_of_files": "view",
    "changes": "changed",
    "copy_tree": "duplicate",
    "find_group": "users",
    "find_user": "users",
    "is_whiteout": "whiteouts",
    "may_name_others": "users",
    "read_tar": "reader",
    "remove_tree": "removal",
    "settle_times": "times",
    "tree_entries": "writer",
    "write_entries": "writer",
    "write_layer": "writer",
}
__all__ = [
    "Change",
    "Entry",
    "LayerSummary",
    "LiveTree",
    "Node",
    "Owners",
    "Tree",
    "TreeView",
    "User",
    "bytes_of_files",
    "changes",
    "copy_tree",
    "find_group",
    "find_user",
    "is_whiteout",
    "may_name_others",
    "read_tar",
    "remove_tree",
    "settle_times",
    "tree_entries",
    "write_entries",
    "write_layer",
]
__getattr__ = exported(__name__, _HOMES)
