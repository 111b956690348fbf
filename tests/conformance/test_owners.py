"""Owners and modes: inside a container, in the layers of `save`, and after a `docker load` they are what Docker's own build of the same Dockerfile has.

Every Dockerfile is built once by a real Docker and once in each isolation, by whoever runs `dockerlab` there.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.images import SavedImage, comparable
from tests.isolations.places import Place
from tests.parts import missing, sample

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("containers_run_here")]

USERS = (
    "FROM busybox\nRUN printf 'ann:x:501:700::/home/ann:/bin/sh\\nbob:x:1000:1000::/srv/bob:/bin/sh\\n' >> /etc/passwd"
    " && printf 'team:x:700:bob\\nbob:x:1000:\\n' >> /etc/group && mkdir -p /home/ann /srv/bob && chown ann:team /home/ann && chown bob:bob /srv/bob && chmod 2700 /srv/bob\n"
)
CASES = {
    "useradd": "FROM {tools}\nRUN groupadd -g 60 staff && groupadd -r late && useradd -m -u 1234 carl && useradd -m -d /srv/dan -G staff dan\n"
    "RUN useradd -r -M -g staff robot && usermod -u 4321 -g staff carl && usermod -m -d /home/daniel dan && gpasswd -a robot late\n"
    "USER dan\nRUN touch ~/f; id > ~/id; touch /home/carl/f || true\nUSER root\nRUN userdel -r carl; groupdel late; chown -R robot:staff /home/daniel\n",
    "copy-chown": USERS
    + "COPY --chown=ann:team a /t/names\nCOPY --chown=bob d /t/one-name/\nCOPY --chown=12:34 a /t/numbers\nCOPY --chown=77 a /t/number\n"
    "COPY --chown=ann:0 --chmod=4750 a /t/setuid\nCOPY --chown=501:team --chmod=2770 d /t/setgid/\nCOPY --chown=bob:700 . /t/all/\nADD --chown=ann d/x /new/way/\n",
    "copy-under-user": USERS + "USER ann\nCOPY a /t/of-root\nCOPY --chown=ann d /home/ann/d/\nWORKDIR /home/ann/d\nCOPY a rel/\n",
    "user-then-run": USERS
    + "RUN mkdir -m 1777 /t && mkdir -m 2775 /t/team && chgrp team /t/team && chown bob /t/team\nUSER ann\n"
    "RUN cd /t && umask 027 && touch f && mkdir -p d/e && ln -s f l && mkfifo p && ln f h && cp -r /etc/passwd c && touch team/f; mkdir team/d; id > id; true\n"
    "USER bob:team\nRUN echo more > /t/team/g; touch /t/team/d/h; rm -f /t/f; mv /t/d /t/mine; echo x >> /t/h; mkdir ~/mine; true\nUSER 9:10\nRUN touch /t/nine\n"
    "USER root\nRUN touch /t/root && echo by root > /t/c\n",
    "chown": USERS
    + "COPY --chmod=4755 d /t/d/\nCOPY --chmod=6755 a /t/a\nRUN chown -R ann:team /t/d && chown bob /t/a && ln -s a /t/l && chown -h 5:6 /t/l && ln -s d /t/dl && chown 8 /t/dl\n"
    "RUN mkdir -p /u/v/w && touch /u/v/f && mkfifo /u/p && chown -R 1000:1000 /u && chown ann /u/v && chgrp -R team /u/v/w\n"
    "RUN chown -R 65534:65533 /t/d/y && chown ann:ann /nosuch; rm -r /u/v; mkdir /u/v; chown 4000000000:4000000001 /u/p\n",
    "modes": USERS
    + "RUN mkdir /t && cd /t && for m in 0 400 1777 2755 4755 6711 7777; do touch f$m && chmod $m f$m && mkdir d$m && chmod $m d$m; done\n"
    "RUN cd /t && chown ann f4755 f2755 && chown ann:team d2755 && chmod u-s f7777 && chmod g+s d0 && touch d2755/in && mkdir d2755/sub\n"
    "USER ann\nRUN cd /t && echo x >> f4755; chmod 4711 f2755; mkdir d2755/mine; touch d1777/mine; chmod 2700 d1777/mine; rm -f d1777/none; true\n",
    "bits-of-what-root-writes": USERS
    + "COPY --chmod=6755 a /t/a\nRUN echo more >> /t/a && cp /t/a /b && : > /c && chmod 6711 /c && echo x > /c && truncate -s 1 /c\n",
    "made-folders": USERS
    + "COPY --chmod=6777 d /made/on/the/way/\nCOPY --chmod=u=rwx,go= d /symbolic/x/\nCOPY --chmod=640 a /file/x/\nRUN mkdir -m 2775 /g && chown bob:team /g\nCOPY d /g/d/\n"
    "COPY --chown=9 d /g/nine/deep/\nCOPY a /g/file/x/\nADD t.tar /g/tar/\nWORKDIR /g/nobody/w\nUSER root\nWORKDIR /g/root/w\nUSER 501\nWORKDIR /g/number/w\nUSER ann\nWORKDIR /g/name/w\n"
    "USER 77:team\nWORKDIR /g/both/w\nUSER 78\nWORKDIR /new\nCOPY --link --chmod=770 d /g/link/x/\n",
    "workdir-under-user": USERS
    + "USER ann\nWORKDIR /home/ann/made/deep\nRUN id -u > /tmp/id; touch here || true\nWORKDIR ../other\nUSER bob\nWORKDIR /srv/bob/w\nRUN touch ~/f; touch f || true\n",
    "add-a-tar": USERS
    + "ADD t.tar /t/\nADD --chown=ann:team t.tar /owned/\nADD --chown=bob plain /owned/plain/\nUSER ann\nADD t.tar /again/\nRUN touch /t/in/new || touch /tmp/refused\n",
    "copies-of-files": USERS
    + "COPY --chown=ann:team --chmod=4750 d /t/\nRUN cp -a /t /a && cp -p /t/x /p && cp /t/y/z /c; chmod 4750 /c && mv /t/y /moved && mv /bin/busybox /bin/bb && mv /bin/bb /bin/busybox\n"
    "RUN tar -c -C /a -f /tar . && mkdir /x && tar -xp -C /x -f /tar && mkdir /n && tar -xo -C /n -f /tar && cat /p > /cat && install -o bob -g team -m 640 /p /i && rm /tar\n"
    "RUN mv /a /b && touch -r /p /b/x && ln /b/x /hard && chown 3:4 /hard && rm -r /x && sed -i s/x/z/ /b/y/z\nRUN cp -a /b /bb && chown -R 1:1 /bb\n",
    "stages": USERS.replace("FROM busybox", "FROM busybox AS one")
    + "RUN mkdir /t && touch /t/a /t/b && ln -s a /t/l && chown ann:team /t/a /t && chown -h 5:6 /t/l && chmod 4711 /t/b\nFROM busybox\nCOPY --from=one /t /kept\n"
    "COPY --from=one --chown=8:9 /t /changed/\nCOPY --from=one /etc/passwd /etc/group /etc/\nCOPY --from=one --chown=ann /home/ann /home/ann\nCOPY --from=one --chmod=600 /t/a /t/b /modes/\n",
    "su": USERS
    + "RUN mkdir -m 777 /t && su ann -c 'touch /t/ann; mkdir /t/d; id -G > /t/id' && su bob -s /bin/sh -c 'touch /t/bob; touch /t/d/refused; chown bob /t/ann' ; su 501 -c true; true\n"
    "RUN cp /bin/busybox /t/touch && chmod 4755 /t/touch && chown bob /t/touch && chmod 4755 /t/touch\nUSER ann\nRUN /t/touch /t/as-whom; true\n",
    "a-mount-and-a-volume": USERS
    + "RUN --mount=type=cache,target=/c,uid=501,gid=700,mode=0750 ls -lnd /c | cut -c1-30 > /seen; touch /c/f && cp -a /c/f /kept\n"
    "RUN mkdir /v && chown ann:team /v && chmod 2770 /v && touch /v/f\nVOLUME /v\nRUN --mount=type=bind,source=d,target=/m cp -a /m /copied\n",
    "package": "FROM {tools}\nCOPY thing.deb /\nRUN groupadd -g 60 staff && useradd -m -u 1234 carl && useradd -r -M -g staff robot\n"
    "RUN /usr/bin/dpkg -i /thing.deb && /usr/bin/dpkg-statoverride --update --add carl staff 4750 /usr/bin/thing\nUSER carl\nRUN touch ~/f; /usr/bin/install -d -m 2750 ~/d; touch /var/lib/thing/refused || true\n"
    "USER root\nRUN /usr/bin/cp -a /usr/bin/thing /tmp/\n",
    "setpriv": "FROM {tools}\nRUN /usr/bin/setpriv --reuid 1234 --regid 60 --clear-groups touch /tmp/by-setpriv\n",
}  # fmt: skip
APART = {
    ("user-in-a-pod", "setpriv"): "setpriv asks the kernel for its capabilities (capget), and behind proot it has none: it changes no user"
}
"""What differs from Docker in an isolation, and why."""
COMPARED = ("root", "root-in-a-pod", "user-with-a-range", "user", "user-in-a-pod")
"""The isolations that these are built in."""
WITH_REAL_ROOT = {"bits-of-what-root-writes"}
"""In a user namespace the kernel takes the set-ID bits from a file that root writes to: only a root of the whole machine may leave them (CAP_FSETID)."""
LOOK = (
    "find / -xdev ! -path '/proc*' ! -path '/sys*' ! -path '/dev*' ! -path /etc/hosts ! -path /etc/hostname ! -path /etc/resolv.conf ! -path /etc/mtab"
    " ! -path /.dockerenv ! -path '/bin/*' ! -path '/v/*' | sort | while read -r path; do ls -lnd \"$path\" | awk -v p=\"$path\" '{print $1, $3, $4, p}'; done"
)
"""`ls -ln` of every file, without what differs from minute to minute."""
TOOLS = "dpkg dpkg-deb dpkg-query dpkg-split dpkg-statoverride useradd usermod userdel groupadd groupdel gpasswd setpriv install tar cp rm touch ls find sh diff ldconfig start-stop-daemon chown"


def theirs(*words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["docker", *words], input=stdin, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def reference() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        missing("a Docker that answers", 'as root on Debian: eval "$(scripts/reference-docker start)"')


def ours(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """`dockerlab` in an isolation, with a store of its own there."""
    return place.run(sys.executable, "-m", "dockerlab", *words, timeout=300, DOCKERLAB_HOME=str(place.folder / "home"))


@pytest.fixture(scope="module")
def furnished(place: Place, reference: None, tools: str) -> Place:
    """Where `dockerlab` runs in this isolation; it has Docker's busybox, and a context to build."""
    for name in filter(None, ("busybox", tools)):
        (place.folder / "base.tar").write_bytes(theirs("save", name))
        loaded = ours(place, "load", "-i", "base.tar")
        assert loaded.returncode == 0, loaded.stderr
    write_context(place.folder / "context")
    return place


@pytest.fixture(scope="module")
def tools(reference: None) -> Iterator[str]:
    """The name of an image that has this machine's dpkg, useradd and their like; "" where there is no dpkg here."""
    if not shutil.which("dpkg-deb") or not shutil.which("useradd"):
        yield ""
        return
    name = f"tools-{os.getpid()}"
    theirs("import", "-c", 'CMD ["sh"]', "-", name, stdin=_tools_tar())
    yield name
    theirs("rmi", "-f", name)


def _tools_tar() -> bytes:
    """Programs with the libraries that they are linked with, on top of busybox's file system."""
    paths = {
        os.path.realpath(found): found
        for name in TOOLS.split()
        if (found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"))
    }
    listed = subprocess.run(["ldd", *paths], capture_output=True, text=True).stdout
    libraries = {word for word in listed.replace("=>", " ").split() if word.startswith("/") and not word.endswith(":")}
    out = io.BytesIO()
    container = theirs("create", "busybox").decode().strip()
    base = theirs("export", container)
    theirs("rm", container)
    with tarfile.open(fileobj=out, mode="w") as tar:
        with tarfile.open(fileobj=io.BytesIO(base)) as busybox:
            for member in busybox:
                if os.path.basename(member.name) not in TOOLS.split() or "bin/" not in member.name or os.path.basename(member.name) == "sh":
                    tar.addfile(member, busybox.extractfile(member) if member.isreg() else None)
        for real, found in paths.items():
            if not found.endswith("/sh"):
                tar.addfile(*_file(f"usr/bin/{os.path.basename(found)}", Path(real).read_bytes(), 0o755))
        for library in libraries:
            tar.addfile(*_file(library.lstrip("/"), Path(library).read_bytes(), 0o755))
        for name, text in {"status": "", "available": "", "info/format": "1\n", "updates/.": "", "triggers/File": ""}.items():
            if not name.endswith("."):
                tar.addfile(*_file(f"var/lib/dpkg/{name}", text.encode(), 0o644))
        tar.addfile(*_file("etc/skel/.profile", b"# nothing\n", 0o640))
        for folder in ("var/lib/dpkg/updates", "var/log", "var/cache", "etc/skel", "run/lock"):
            tar.addfile(_folder(folder))
        tar.addfile(*_file("etc/shadow", b"root:*:19000:0:99999:7:::\n", 0o640))
        tar.addfile(*_file("etc/gshadow", b"root:*::\n", 0o640))
    return out.getvalue()


def _file(name: str, data: bytes, mode: int) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    return info, io.BytesIO(data)


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return info


def write_context(folder: Path) -> None:
    """a, d/x, d/y/z, a tar whose files are of many owners, and a package that gives files to others; all of one time."""
    for name in ("a", "d/x", "d/y/z", "plain"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    with tarfile.open(folder / "t.tar", "w") as tar:
        for name, kind, mode, uid, gid in (
            ("in", tarfile.DIRTYPE, 0o2750, 501, 700), ("in/f", tarfile.REGTYPE, 0o4755, 3, 4), ("in/l", tarfile.SYMTYPE, 0o777, 5, 6),
            ("in/p", tarfile.FIFOTYPE, 0o622, 7, 8), ("in/h", tarfile.LNKTYPE, 0o4755, 3, 4), ("in/big", tarfile.REGTYPE, 0o600, 2000000, 3000000),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.uname, info.gname = kind, mode, uid, gid, "ann", "bob"
            info.linkname = {"in/l": "f", "in/h": "in/f"}.get(name, "")
            tar.addfile(info)
    if shutil.which("dpkg-deb"):
        _package(folder / "package", folder / "thing.deb")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (1_500_000_000, 1_500_000_000))


def _package(tree: Path, target: Path) -> None:
    files = {
        "DEBIAN/control": "Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: None <none@example.org>\nDescription: gives files to others\n",
        "DEBIAN/postinst": "#!/bin/sh\nset -e\nmkdir -p /var/lib/thing/spool\ntouch /var/lib/thing/state\nchown -R 7:60 /var/lib/thing\n"
        "chmod 2770 /var/lib/thing/spool\nchown carl:staff /etc/thing.conf\nchmod 640 /etc/thing.conf\ninstall -d -o robot -g staff -m 1730 /run/lock/thing\n",
        "usr/bin/thing": "#!/bin/sh\n",
        "etc/thing.conf": "a=1\n",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
        (tree / name).chmod(0o755 if name.endswith(("postinst", "thing")) else 0o644)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, target], check=True, capture_output=True)
    shutil.rmtree(tree)


@functools.cache
def built_by_docker(name: str, tools: str) -> tuple[list[Any], str]:
    """The layers above the base as entries, and what LOOK says inside."""
    tag = f"owners-{os.getpid()}"
    folder = Path("/var/tmp") / tag
    write_context(folder)
    try:
        (folder / "Dockerfile").write_text(CASES[name].replace("{tools}", tools))
        theirs("build", "-q", "--no-cache", "-t", tag, str(folder))
        inside = theirs("run", "--rm", "--network", "none", "-u", "0", tag, "sh", "-c", LOOK).decode()
        return layers(theirs("save", tag)), inside
    finally:
        shutil.rmtree(folder)
        subprocess.run(["docker", "rmi", "-f", tag], capture_output=True)


def layers(saved: bytes) -> list[dict[str, Any]]:
    """For each layer above the first: path → kind, mode, owner, group, link, xattrs.

    Without a lock that is opened for writing and not written: where a root is a copy, that is no change.
    """
    image = SavedImage(saved)
    return [
        {
            entry["path"]: {key: value for key, value in entry.items() if key not in ("mtime", "size")}
            for entry in layer
            if entry["path"] != "etc/.pwd.lock"
        }
        for layer in comparable(image.layers_above(image.diff_ids[:1]))
    ]


def told(layer: dict[str, Any]) -> list[str]:
    return [f"{path} {entry}" for path, entry in sorted(layer.items())]


def same(ours: list[str], dockers: list[str]) -> None:
    """Fails with the lines that only one of them has."""
    apart = [f"ours:   {line}" for line in ours if line not in dockers] + [f"docker: {line}" for line in dockers if line not in ours]
    assert not apart, "\n".join(apart)


@pytest.mark.parametrize(
    ("place", "name"),
    [(isolation, name) for isolation in COMPARED for name in (CASES if isolation == "user" else sample(CASES, 4))],
    indirect=["place"],
)
def test_owners_are_dockers(name: str, furnished: Place, tools: str, record_property: Callable[[str, object], None]) -> None:
    place = furnished
    record_property("isolation", place.isolation.name)
    if (place.isolation.name, name) in APART:
        pytest.skip(APART[place.isolation.name, name])
    if "{tools}" in CASES[name] and not tools:
        missing("dpkg and useradd", "run the suite on Debian, with the packages dpkg and passwd")
    if name in WITH_REAL_ROOT and not place.isolation.root:
        pytest.skip("in a user namespace the kernel takes the set-ID bits from a file that root writes to")
    entries, inside = built_by_docker(name, tools)
    (place.folder / "context/Dockerfile").write_text(CASES[name].replace("{tools}", tools))
    built = ours(place, "build", "-q", "--no-cache", "-t", "made", "context")
    assert built.returncode == 0, built.stderr
    looked = ours(place, "run", "--rm", "-u", "0", "made", "sh", "-c", LOOK)
    assert not looked.stderr
    same(looked.stdout.splitlines(), inside.splitlines())
    assert ours(place, "save", "-o", "made.tar", "made").returncode == 0
    data = (place.folder / "made.tar").read_bytes()
    for mine, other in zip_longest(layers(data), entries, fillvalue={}):
        same(told(mine), told(other))
    tag = theirs("load", "-q", stdin=data).decode().split(": ", 1)[1].strip()
    try:
        loaded = theirs("run", "--rm", "--network", "none", "-u", "0", tag, "sh", "-c", LOOK).decode()
        same(loaded.splitlines(), inside.splitlines())
    finally:
        theirs("rmi", "-f", tag)
