"""dpkg's records of what is installed, as dpkg itself would have written them: `apt-get install` in the image relies on them.

(dpkg's database in /var/lib/dpkg: status, info/*.list and control files, triggers/, format 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dockerlab.transfer.catalogue.deb import fields_of
from dockerlab.transfer.catalogue.layer import LayerDraft
from dockerlab.transfer.catalogue.unpack import Unpacked

ROOT = "/var/lib/dpkg"


def installed(status: bytes) -> dict[str, str]:
    """The packages that a status file records: name to version."""
    paragraphs = (fields_of(text) for text in status.decode().split("\n\n") if text.strip())
    return {fields["Package"]: fields["Version"] for fields in paragraphs}


def record(layer: LayerDraft, packages: Sequence[Unpacked], asked_for: Iterable[str]) -> None:
    """Record the packages as installed, those that nobody asked for as installed automatically."""
    for folder in ("", "/info", "/alternatives", "/parts", "/triggers", "/updates"):
        layer.folder(ROOT + folder, keep=True)
    for package in packages:
        _info(layer, package)
    _status(layer, packages)
    _triggers(layer, packages)
    first = layer.node(f"{ROOT}/info/format") is None
    if first:
        layer.write(f"{ROOT}/info/format", b"1\n")
        for empty in ("available", "triggers/Unincorp"):
            layer.write(f"{ROOT}/{empty}", b"")
    else:
        _automatic(layer, packages, set(asked_for))


def _info(layer: LayerDraft, package: Unpacked) -> None:
    stem = f"{ROOT}/info/{package.control.record}"
    layer.write(f"{stem}.list", "".join(path + "\n" for path in package.listing).encode())
    for name, (data, mode) in sorted(package.control.members.items()):
        layer.write(f"{stem}.{name}", data, mode)


def _paragraph(package: Unpacked) -> str:
    """The package's paragraph of the status file."""
    head, _, rest = package.control.paragraph.partition("\n")
    text = f"{head}\nStatus: install ok installed\n{rest}"
    if package.conffiles:
        text += "Conffiles:\n" + "".join(f" {path} {md5}\n" for path, md5 in package.conffiles)
    return text


def _status(layer: LayerDraft, packages: Sequence[Unpacked]) -> None:
    before = [text.strip("\n") + "\n" for text in layer.read(f"{ROOT}/status").decode().split("\n\n") if text.strip()]
    paragraphs = sorted([*before, *(_paragraph(package) for package in packages)], key=lambda text: fields_of(text)["Package"])
    layer.write(f"{ROOT}/status", ("\n".join(paragraphs) + "\n").encode())


def _triggers(layer: LayerDraft, packages: Sequence[Unpacked]) -> None:
    """Who wants to hear of what: interests in paths stand together in File, each named trigger has a file of its own. (deb-triggers(5))"""
    for package in packages:
        for line in package.control.lines("triggers"):
            directive, _, trigger = line.partition(" ")
            if not directive.startswith("interest"):
                continue
            who = package.control.record + ("/noawait" if directive == "interest-noawait" else "")
            path, entry = (
                (f"{ROOT}/triggers/File", f"{trigger} {who}\n") if trigger.startswith("/") else (f"{ROOT}/triggers/{trigger}", f"{who}\n")
            )
            layer.write(path, layer.read(path) + entry.encode())


def _automatic(layer: LayerDraft, packages: Sequence[Unpacked], asked_for: set[str]) -> None:
    """Mark dependencies as installed automatically, so that `apt-get autoremove` knows them. (apt-mark(8))"""
    path = "/var/lib/apt/extended_states"
    marks = "".join(
        f"Package: {package.control.name}\nArchitecture: {package.control.fields['Architecture']}\nAuto-Installed: 1\n\n"
        for package in packages
        if package.control.name not in asked_for
    )
    if marks:
        layer.write(path, layer.read(path) + marks.encode())
