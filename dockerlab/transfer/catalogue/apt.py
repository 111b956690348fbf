"""Debian's package manager, asked as an ordinary user with folders, sources and keys of our own. (apt-get(8), apt.conf(5), sources.list(5))

It resolves dependencies, fetches, and checks signatures; nothing is installed. Whatever the host keeps in /etc/apt is never read:
APT_CONFIG is read first and points every folder of configuration elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from dockerlab.data import asdict, dataclass
from dockerlab.errors import CatalogueError
from dockerlab.oci import own_architecture
from dockerlab.transfer.catalogue.recipe import DATA

Progress = Callable[[str], None]

ELSEWHERE = "pull the image from a registry, or bring it as a file: `docker save` where there is a Docker, `dockerlab load` here"
_FRESH = 12 * 3600
_URI = re.compile(r"^'(?P<url>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$", re.M)
_SIGNATURE = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|signature|not signed|Clearsigned|isn't valid|Hash Sum mismatch|unexpected size", re.I
)
_FAILED = re.compile(r"^(E: |W: (Failed to fetch|Some index files|An error occurred during the signature))", re.M)
"""An update that failed; an old apt calls it a success and only warns."""
_NETWORK = re.compile(r"resolv|connect|timed? ?out|unreachable|Failed to fetch|proxy|Connection", re.I)


@dataclass(frozen=True)
class Archive:
    """A package to be fetched: `file` is its name in the cache, `sha256` comes from the signed index."""

    url: str
    file: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The package's name."""
        return self.file.split("_")[0]

    @property
    def version(self) -> str:
        """The package's version."""
        return unquote(self.file.split("_")[1])

    def to_json(self) -> dict[str, Any]:
        """For the catalogue's memory."""
        return asdict(self)

    def is_whole(self, folder: Path) -> bool:
        """Whether the cache holds exactly the bytes that the signed index speaks of."""
        try:
            with open(folder / self.file, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def machine_architecture() -> str:
    """Debian's (and Docker's) word for this machine's processor. CatalogueError where the catalogue has no images for it."""
    own = own_architecture()
    if own not in ("amd64", "arm64"):
        raise CatalogueError(f"the catalogue has no images for {own} processors, only for amd64 and arm64", hint=ELSEWHERE)
    return own


class Apt:
    """Our own apt in `root`; archives are kept in `archives`."""

    def __init__(self, root: Path, archives: Path, architecture: str) -> None:
        self.root, self.archives, self.architecture = root, archives, architecture

    def _prepare(self) -> None:
        missing = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
        if missing:
            raise CatalogueError(
                f"the catalogue composes base images from Debian packages, and this machine has no {' and no '.join(missing)}",
                hint=f"{ELSEWHERE}; on Debian and Ubuntu the tools are there already",
            )
        for folder in ("state/lists/partial", "cache", "etc/empty", "etc/trusted", "log", "none/partial"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.archives / "partial").mkdir(parents=True, exist_ok=True)
        # the only keys that this apt knows; Signed-By would not take a path with a space in it
        shutil.copyfile(DATA / "keys" / "debian-12.gpg", self.root / "etc" / "trusted" / "debian-12.gpg")
        sources = (DATA / "files" / "debian.sources").read_text()
        (self.root / "etc" / "debian.sources").write_text(re.sub(r"^Signed-By: .*\n", "", sources, flags=re.M))
        config = (DATA / "files" / "apt.conf").read_text()
        for mark, value in (("@ROOT@", self.root), ("@ARCHIVES@", self.archives), ("@ARCHITECTURE@", self.architecture)):
            config = config.replace(mark, str(value))
        (self.root / "apt.conf").write_text(config)

    def _run(self, *args: str, status: bytes = b"", folder: str = "none", progress: Progress | None = None) -> tuple[int, str]:
        """Run apt-get, in a folder where `apt-get download` finds or leaves archives; its exit code and all that it said."""
        self._prepare()
        (self.root / "state" / "status").write_bytes(status)
        environment = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", *args]
        said: list[str] = []
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            errors="replace",
            cwd=self.root / folder,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(line)
                    if progress is not None and line.startswith("Get:"):
                        progress(_told(line))
            except BaseException:
                process.kill()
                raise
        return process.returncode, "".join(said)

    def update(self, progress: Progress, *, force: bool = False) -> None:
        """Fetch the signed lists of packages, unless they are a few hours old at most; without network older ones do, unless forced.

        CatalogueError if they can't be had or trusted.
        """
        stamp = self.root / "updated"
        try:
            if not force and 0 <= time.time() - stamp.stat().st_mtime < _FRESH:
                return
        except FileNotFoundError:
            pass
        progress("reading Debian's package lists")
        code, said = self._run("-o", "APT::Update::Error-Mode=any", "update")
        if code or _FAILED.search(said) or not list((self.root / "state" / "lists").glob("*_Packages*")):
            if force or not stamp.exists() or _cause(said) != "network":
                raise _explained("Debian's package lists could not be fetched", said)
            progress("Debian can't be reached: the package lists that were fetched earlier are used")
            return
        stamp.touch()

    def plan(self, packages: Sequence[str], status: bytes, *, loose: bool = False) -> tuple[Archive, ...]:
        """The archives that these packages need on top of what `status` says is installed, in a fixed order; `loose`: they alone."""
        verb = "download" if loose else "install"
        code, said = self._run("-o", f"Dir::Cache::archives={self.root / 'none'}/", verb, "--print-uris", *packages, status=status)
        found = tuple(
            sorted(
                (Archive(match["url"], match["file"], int(match["size"]), match["sha256"]) for match in _URI.finditer(said)),
                key=lambda archive: archive.file,
            )
        )
        if code or not found or len(found) != sum(line.startswith("'") for line in said.splitlines()):
            raise _explained(f"the packages {', '.join(packages)} can't be put together", said)
        return found

    def fetch(self, archives: Iterable[Archive], packages: Sequence[str], loose: Sequence[str], status: bytes, progress: Progress) -> None:
        """Bring the archives into the cache; one whose bytes are not what the signed index says is thrown away and fetched anew.

        CatalogueError if afterwards one of them is not what it should be.
        """
        wanted = tuple(archives)
        missing = [archive for archive in wanted if not archive.is_whole(self.archives)]
        if not missing:
            return
        for archive in missing:
            if (self.archives / archive.file).exists():
                progress(f"{archive.file} in the cache is not what Debian signed: it is thrown away and fetched anew")
                (self.archives / archive.file).unlink()
        progress(f"downloading {len(missing)} packages, {sum(archive.size for archive in missing) / 1e6:.1f} MB")
        names = {archive.name for archive in missing}
        for verb in (["install", "--download-only", *packages], ["download", *(name for name in loose if name in names)]):
            if len(verb) > 1 and (verb[0] == "download" or not names <= set(loose)):
                code, said = self._run(*verb, status=status, folder=str(self.archives), progress=progress)
                if code:
                    raise _explained("Debian's packages could not be fetched", said)
        for archive in missing:
            if not archive.is_whole(self.archives):
                raise CatalogueError(
                    f"the package {archive.file} is not what Debian's signed index says", hint=f"try again, or {ELSEWHERE}"
                )


def _told(line: str) -> str:
    """apt's line about one download, in fewer words: `Get:7 http://… bookworm/main amd64 sed amd64 4.9-1 [329 kB]`."""
    words = line.split()
    return f"fetched {words[4]} {words[6]} {' '.join(words[7:])}" if len(words) > 7 else line.strip()


def _complaints(said: str) -> list[str]:
    lines = [line.strip() for line in said.splitlines() if line.startswith(("E:", "W:", "Err:", "  "))]
    return [line for line in lines if "Policy will reject" not in line]  # a warning about next year's keys is no failure


def _cause(said: str) -> str:
    """What kept apt from it, read from its complaints: "signature", "date", "network" or "other"."""
    problems = "\n".join(_complaints(said))
    if re.search(r"is expired|not valid yet", problems):
        return "date"
    if _SIGNATURE.search(problems):
        return "signature"
    return "network" if _NETWORK.search(problems) else "other"


def _explained(what: str, said: str) -> CatalogueError:
    """The error for what apt said, apt's own words as the excerpt."""
    proxy = re.sub(r"//[^/@]*@", "//", os.environ.get("http_proxy", "")) or "not set"
    message, hint = {
        "signature": (
            f"{what}: a signature or a checksum is not Debian's, so nothing of it was used",
            f"a proxy on the way may have changed the download; try again, or {ELSEWHERE}",
        ),
        "date": (f"{what}: they are too old or not valid yet", "look at this machine's clock and at the mirror"),
        "network": (
            f"{what}: the network or http://deb.debian.org can't be reached",
            f"look at the network and at http_proxy ({proxy}); or {ELSEWHERE}",
        ),
        "other": (f"{what}: apt-get failed", ELSEWHERE),
    }[_cause(said)]
    notes = "\n".join(dict.fromkeys(line for line in _complaints(said) if line.startswith(("E:", "W:"))))
    return CatalogueError(message, hint=hint, excerpt=notes or said[-2000:])
