"""`docker …` answered in this process: the same verbs as the command, without the cost of a new interpreter for each of a thousand calls."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

from dockerlab.engine import open_engine
from dockerlab.verbs.dispatch import Terminal, run


class Program:
    """Stands in for `docker`: called with its words, answers as subprocess.run does."""

    def __init__(self) -> None:
        self.engine = open_engine()

    def __call__(self, *words: str, env: dict[str, str] | None = None, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            given.write(stdin or b"")
            given.seek(0)
            terminal = Terminal(
                lambda data: _write(out.fileno(), data), lambda data: _write(err.fileno(), data), given.fileno(), out.fileno(), err.fileno(),
                cwd=os.getcwd(), environment={**os.environ, **(env or {})},
            )  # fmt: skip
            code = run(list(words), lambda: self.engine, terminal)
            out.seek(0), err.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def recorded_base(program: Program, busybox: Path) -> list[str]:
    """busybox:latest as the recording had it: one layer, a link for each command, two users; its diff IDs."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:

        def add(name: str, kind: bytes, mode: int, data: bytes = b"", link: str = "") -> None:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, len(data), link, int(time.time())
            tar.addfile(info, io.BytesIO(data))

        for folder in "bin etc tmp root proc sys dev home var usr usr/bin".split():
            add(folder, tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755)
        add("bin/busybox", tarfile.REGTYPE, 0o755, busybox.read_bytes())
        for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if applet != "busybox":
                add("bin/" + applet, tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nnogroup:x:65534:\n")
    changes = ["-c", 'CMD ["sh"]', "-c", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    answer = program("import", *changes, "-", "busybox:latest", stdin=raw.getvalue())
    assert answer.returncode == 0, answer.stderr
    return list(program.engine.image_inspect("busybox:latest")["RootFS"]["Layers"])
