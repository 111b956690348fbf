"""What maintainer scripts would have done to a layer, done from a recipe's data instead."""

from __future__ import annotations

from dockerlab.errors import CatalogueError
from dockerlab.transfer.catalogue import certificates
from dockerlab.transfer.catalogue.layer import LayerDraft
from dockerlab.transfer.catalogue.recipe import Alternative, LayerRecipe

_MASTER = "/usr/share/base-passwd"
_SHADOW = 42
"""The group of /etc/shadow. (Debian's base-passwd)"""


def apply(recipe: LayerRecipe, layer: LayerDraft, architecture: str) -> None:
    """Apply everything that the recipe says of a layer, in the order in which one thing may need another."""
    for folder in recipe.folders:
        layer.folder(folder.path, folder.mode, folder.uid, folder.gid)
    for copy in recipe.copies:
        node = layer.node(copy.original)
        if node is None:
            raise CatalogueError(f"{copy.path} should be a copy of {copy.original}, which no package ships")
        data = node.read()
        for old, new in copy.replace.items():
            data = data.replace(old.encode(), new.encode())
        layer.write(copy.path, data, node.entry.mode)
    for file in recipe.files:
        layer.write(file.path, file.data(), file.mode, file.uid, file.gid)
    for link in recipe.links:
        if link.architecture in ("", architecture):
            layer.symlink(link.path, link.target)
    for names in recipe.hardlinks:
        for name in names.names:
            layer.hardlink(f"{names.folder}/{name}", names.existing)
    for alternative in (*recipe.alternatives, *(one for many in recipe.programs for one in many.alternatives(architecture))):
        _alternative(alternative, layer)
    if recipe.certificates:
        certificates.put_together(layer, recipe.certificates)
    if recipe.accounts == "base-passwd":
        _base_passwd(layer)
    _accounts(recipe, layer)


def _alternative(item: Alternative, layer: LayerDraft) -> None:
    """The links and the record of one alternative; slaves whose file is left out of the image get no link, as with update-alternatives."""
    record = ["auto", item.link]
    paths = [item.path, str(item.priority)]
    links = [(item.name, item.link, item.path)]
    for name, link, path in sorted(item.slaves):
        record += [name, link]
        paths.append(path)
        if layer.node(path) is not None:
            links.append((name, link, path))
    layer.write(f"/var/lib/dpkg/alternatives/{item.name}", "\n".join([*record, "", *paths, "", ""]).encode())
    for name, link, path in links:
        layer.symlink(f"/etc/alternatives/{name}", path)
        layer.symlink(link, f"/etc/alternatives/{name}")


def _base_passwd(layer: LayerDraft) -> None:
    """Accounts from base-passwd's master files, passwords moved to shadow files, as its and passwd's scripts leave them."""
    users = [line.split(":") for line in layer.read(f"{_MASTER}/passwd.master").decode().splitlines()]
    groups = [line.split(":") for line in layer.read(f"{_MASTER}/group.master").decode().splitlines()]
    _write_lines(layer, "/etc/passwd", [":".join([user[0], "x", *user[2:]]) for user in users])
    _write_lines(layer, "/etc/shadow", [_shadow(user[0], "*", layer) for user in users])
    _write_lines(layer, "/etc/group", [":".join([group[0], "x", *group[2:]]) for group in groups])
    _write_lines(layer, "/etc/gshadow", [f"{group[0]}:*::" for group in groups])


def _accounts(recipe: LayerRecipe, layer: LayerDraft) -> None:
    for user in recipe.users:
        _add(layer, "/etc/passwd", f"{user.name}:x:{user.uid}:{user.gid}:{user.gecos}:{user.home}:{user.shell}")
        _add(layer, "/etc/shadow", _shadow(user.name, "!", layer))
    for group in recipe.groups:
        _add(layer, "/etc/group", f"{group.name}:x:{group.gid}:")
        _add(layer, "/etc/gshadow", f"{group.name}:!::")


def _shadow(name: str, password: str, layer: LayerDraft) -> str:
    return f"{name}:{password}:{layer.mtime // 86400}:0:99999:7:::"


def _add(layer: LayerDraft, path: str, line: str) -> None:
    _write_lines(layer, path, [*layer.read(path).decode().splitlines(), line])


def _write_lines(layer: LayerDraft, path: str, lines: list[str]) -> None:
    secret = path.endswith("shadow")
    layer.write(path, ("\n".join(lines) + "\n").encode(), 0o640 if secret else 0o644, 0, _SHADOW if secret else 0)
