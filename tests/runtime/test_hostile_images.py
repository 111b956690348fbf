"""Nothing that an image holds is run by the keeper, which is this machine's interpreter with the image's files at `/`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import dockerlab
from dockerlab.runtime import ContainerDirectory, Port, ProcessSpec
from dockerlab.runtime.helper import wire

STANDARD = Path(os.__file__).parent
PACKAGE = Path(dockerlab.__file__).parent
HOSTILE = "open('/imported', 'a').write(__name__ + '\\n')\n"


@pytest.fixture
def hostile(make_box, tmp_path):
    """A root file system in which every module that the keeper could look for is the image's."""
    tree = tmp_path / "hostile"
    files = [*STANDARD.glob("*.py"), *STANDARD.glob("encodings/*.py"), *STANDARD.glob("lib-dynload/*.so"), *PACKAGE.rglob("*.py")]
    assert {"traceback.py", "warnings.py", "ascii.py", "keeper.py"} <= {file.name for file in files}
    for file in files:
        copy = tree / file.relative_to("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(HOSTILE)
    return make_box(tree)


def imported(box) -> str:
    file = box.upper / "imported"
    return file.read_text() if file.exists() else ""


def test_a_keeper_that_fails_imports_nothing_from_the_image(hostile):
    started = hostile.runtime.start(hostile.folder, hostile.spec("sleep", "100"))
    wire.send(started.control._channel, {"signal": "no number"})
    message, _ = wire.receive(started.control._channel)
    started.control.close()
    assert message["kind"] == "bug" and "ValueError" in message["message"]
    assert imported(hostile) == ""


def test_a_container_that_uses_everything_imports_nothing_from_the_image(hostile):
    odd = "\udcff é"
    hostile.sh(f"ln -s x '/l{odd}'; chown -h 5:6 '/l{odd}'; cat /proc/self/status")
    hostile.run("sh", "-c", "touch /tmp/f; chmod 600 /tmp/f; ls -l /tmp /root; cat /proc/1/environ; kill -0 1", uid=1000, groups=(50,))
    script = f"tty; stty size; echo '{odd}'; read line; echo got $line; exec sleep 100"
    spec = hostile.spec("sh", "-c", script, terminal=True, network="private", ports=(Port("", 0, 80),))
    with open(os.devnull, "wb") as null, open("/etc/passwd", "rb") as plain_file:
        started = hostile.runtime.start(hostile.folder, spec, stdin=plain_file.fileno(), stdout=null.fileno())
        started.control.resize(40, 120)
        for terminal in (False, True):
            process = ProcessSpec(("sh", "-c", "id; exit 4"), ("PATH=/bin",), uid=1000, terminal=terminal)
            assert hostile.runtime.exec(hostile.folder, process, stdout=null.fileno()) == 4
    started.control.close()
    container = ContainerDirectory(hostile.folder)
    end = time.monotonic() + 5
    while not any(b"got root:" in line.data for line in container.logs()):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert container.stop(grace=0) == 137
    assert imported(hostile) == ""


def test_a_codec_that_is_first_needed_late_is_not_looked_for():
    script = """
        from dockerlab.runtime.helper import init, serve
        before = set(sys.modules)
        init.import_no_more()
        print("\\udcff".encode("utf-8", "surrogateescape"), "é".encode("ascii", "replace"), b"\\xff".decode(errors="replace") == "\\ufffd")
        for name, late in (("module", lambda: __import__("colorsys")), ("codec", lambda: b"x".decode("cp037"))):
            try:
                late()
            except (ImportError, LookupError):
                print("no", name)
        print(set(sys.modules) - before)
    """
    text = f"import sys; sys.path.append({str(PACKAGE.parent)!r})\n{textwrap.dedent(script)}"
    done = subprocess.run([sys.executable, "-I", "-S", "-E", "-c", text], capture_output=True, text=True)
    assert done.stdout == "b'\\xff' b'?' True\nno module\nno codec\nset()\n", done.stderr
