"""Recorded command-line sessions, played through `dockerlab` in place of `docker`, and what differs."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from tests.conformance.normalise import BASE, Normaliser, cells, tidy


def base_archive():
    """The root file system that busybox:latest had in the recording: a static busybox, a link for each applet, two users."""
    busybox = os.environ.get("BUSYBOX") or shutil.which("busybox")
    buf = io.BytesIO()
    with tarfile.open(fileobj=buf, mode="w") as tar:

        def add(name, kind, mode, data=b"", link=""):
            t = tarfile.TarInfo("./" + name)
            t.type, t.mode, t.size, t.linkname = kind, mode, len(data), link
            tar.addfile(t, io.BytesIO(data))

        for d in ("", "bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "usr/bin", "var"):
            add(d, tarfile.DIRTYPE, 0o1777 if d == "tmp" else 0o755)
        add("bin/busybox", tarfile.REGTYPE, 0o755, Path(busybox).read_bytes())
        for applet in subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split():
            if applet != "busybox":
                add("bin/" + applet, tarfile.SYMTYPE, 0o777, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        add("etc/group", tarfile.REGTYPE, 0o644, b"root:x:0:\nnogroup:x:65534:\n")
    return buf.getvalue()


class Stage:
    """Runs commands in which `docker` is the given program, and brings the program's world back to only busybox."""

    def __init__(self, program, base=None, limit=90, work=None, wipe=False):
        words = shlex.split(program)
        words[0] = shutil.which(words[0]) or os.path.abspath(words[0])
        self.limit, self.base_tar, self.work = limit, base, work
        self.bin = tempfile.mkdtemp(prefix="cli-bin-")
        shim = Path(self.bin, "docker")
        shim.write_text("#!/bin/sh\nexec " + shlex.join(words) + ' "$@"\n')
        shim.chmod(0o755)
        self.env = dict(
            os.environ,
            PATH=self.bin + ":" + os.environ["PATH"],
            TZ="UTC",
            LANG="C.UTF-8",
            LC_ALL="C.UTF-8",
            BUILDKIT_PROGRESS="plain",
            DOCKER_CLI_HINTS="false",
            NO_COLOR="1",
        )
        if "DOCKERLAB_HOME" not in os.environ and not os.environ.get("DOCKER_HOST"):
            self.env["DOCKERLAB_HOME"] = tempfile.mkdtemp(prefix="cli-home-")
        self.root = self.say("info", "--format", "{{.DockerRootDir}}").strip()
        self.root = self.root if self.root.startswith("/") and len(self.root) > 4 else ""
        self.base_size = 0
        held = self.say("ps", "-aq").split() + [i for i in self.say("images", "--format", "{{.Repository}}:{{.Tag}}").split() if i != BASE]
        if held and not wipe:
            sys.exit(f"{program} holds {len(held)} containers and images, which would be removed: --wipe if they may go")
        self.clean()
        self.measure_base()

    def measure_base(self):
        size = self.say("image", "inspect", "--format", "{{.Size}}", BASE).strip()
        self.base_size = int(size) if size.isdigit() else 0

    def close(self):
        self.clean()
        shutil.rmtree(self.bin, ignore_errors=True)

    def say(self, *args, stdin=b""):
        try:
            return subprocess.run(
                ["docker", *args], env=self.env, capture_output=True, input=stdin, timeout=self.limit, executable=self.bin + "/docker"
            ).stdout.decode(errors="replace")
        except (subprocess.TimeoutExpired, OSError):
            return ""

    def clean(self):
        ps = self.say("ps", "-aq", "--no-trunc").split()
        if ps:
            if any(" (Paused)" in s for s in self.say("ps", "--format", "{{.Status}}").splitlines()):
                self.say("unpause", *self.say("ps", "-q", "--filter", "status=paused").split())
            self.say("rm", "-f", "-v", *ps)
        vols = self.say("volume", "ls", "-q").split()
        if vols:
            self.say("volume", "rm", "-f", *vols)
        nets = [n for n in self.say("network", "ls", "--format", "{{.Name}}").splitlines() if n not in ("bridge", "host", "none")]
        if nets:
            self.say("network", "rm", *nets)
        for _ in range(4):
            rows = [r.split() for r in self.say("images", "-a", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()]
            rows = [r for r in rows if len(r) == 2]
            base = next((i for n, i in rows if n == BASE), "")
            gone = [n for n, i in rows if "<none>" not in n and n != BASE] + [i for n, i in rows if "<none>" in n and i != base]
            if not gone:
                break
            self.say("rmi", "-f", *gone)
        if len(rows) > 0 or ps:
            self.say("builder", "prune", "-af")
        if not self.say("images", "-q", BASE).strip():
            if self.base_tar:
                self.say("load", "-q", "-i", self.base_tar)
            elif os.environ.get("BUSYBOX") or shutil.which("busybox"):
                self.say(
                    "import",
                    "-c",
                    'CMD ["sh"]',
                    "-c",
                    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "-",
                    BASE,
                    stdin=base_archive(),
                )
            self.measure_base()

    def play(self, scenario, each):
        """Runs the scenario's commands in an empty folder, calling each(step, exit, kind, stdout, stderr) after every one."""
        self.clean()
        cwd = tempfile.mkdtemp(prefix="cli-", dir=self.work)
        norm = Normaliser(cwd, self.root, self.base_size)
        try:
            for path, text in scenario.get("files", {}).items():
                p = Path(cwd, path)
                p.parent.mkdir(parents=True, exist_ok=True)
                p.write_text(text)
            for step in scenario["steps"]:
                time.sleep(step.get("wait", 0))
                end = time.monotonic() + 15
                while (
                    "ready" in step
                    and time.monotonic() < end
                    and subprocess.run(
                        ["bash", "-c", step["ready"]], cwd=cwd, env=self.env, capture_output=True, stdin=subprocess.DEVNULL
                    ).returncode
                ):
                    time.sleep(0.2)
                argv = ["docker", *step["args"]] if "args" in step else ["bash", "-c", step["shell"]]
                where = self.bin + "/docker" if "args" in step else None
                with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                    p = subprocess.Popen(
                        argv, executable=where, cwd=cwd, env=self.env, stdout=out, stderr=err, stdin=subprocess.PIPE, start_new_session=True
                    )
                    try:
                        p.communicate(step.get("stdin", "").encode(), timeout=self.limit)
                        code = p.returncode if p.returncode >= 0 else 128 - p.returncode
                    except subprocess.TimeoutExpired:
                        os.killpg(p.pid, 9)
                        p.wait()
                        code = "timeout"
                    out.seek(0), err.seek(0)
                    stdout, stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
                each(step, code, *tidy(step, stdout, stderr, norm))
        finally:
            self.say("unpause", *self.say("ps", "-q", "--filter", "status=paused").split())
            shutil.rmtree(cwd, ignore_errors=True)


def differences(step, code, out, err):
    """What differs between a command as recorded and as it went now, each in one line."""
    bad = []
    if code != step["exit"]:
        bad.append(f"exit {code}, docker {step['exit']}")
    a, b = step["stdout"], out
    if step.get("kind") == "table":
        ca, cb = cells(a), cells(b)
        if ca != cb:
            ca, cb = ca or [], cb or []
            if (ca[:1] or [None])[0] != (cb[:1] or [None])[0]:
                bad.append(f"table heads {(cb[:1] or [b[:60]])[0]}, docker {(ca[:1] or [None])[0]}")
            else:
                row = next((i for i in range(max(len(ca), len(cb))) if ca[i : i + 1] != cb[i : i + 1]), 0)
                bad.append(f"table row {row} {(cb[row : row + 1] or ['missing'])[0]}, docker {(ca[row : row + 1] or ['nothing'])[0]}")
    elif a != b:
        la, lb = a.splitlines(), b.splitlines()
        n = next((i for i in range(max(len(la), len(lb))) if la[i : i + 1] != lb[i : i + 1]), 0)

        def cut(x):
            return "nothing" if not x else repr(x[0] if len(x[0]) < 160 else x[0][:160] + "…")

        bad.append(f"stdout line {n + 1} {cut(lb[n : n + 1])}, docker {cut(la[n : n + 1])}")
    if bool(err.strip()) != bool(step["stderr"].strip()):
        bad.append(
            "stderr says "
            + (repr(err.strip().splitlines()[-1][:120]) if err.strip() else "nothing")
            + ", docker "
            + (repr(step["stderr"].strip().splitlines()[0][:120]) if step["stderr"].strip() else "nothing")
        )
    return bad


def silent(step):
    return step["exit"] == 0 and not step["stdout"].strip() and not step["stderr"].strip()
