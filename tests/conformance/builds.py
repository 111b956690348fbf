"""Recorded builds and build sequences, done again, and what differs from BuildKit's column.

A refusal counts only if the message names what Docker's names: the instruction, flag, path or quoted word. Not compared, since it says nothing about the
builder: sizes of the base, the bare folder `etc` that BuildKit's own files leave in RUN layers, the order of a layer's entries.
"""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import re
import tarfile
import tempfile
import threading
import time
from pathlib import Path

from tests.conformance.contexts import LONG_AGO, edit, write_context

FIXED_BEFORE = 1704067200
NOT_SET_BY_USERS = {
    "ArgsEscaped",
    "Hostname",
    "Domainname",
    "Image",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Tty",
    "OpenStdin",
    "StdinOnce",
}
KINDS = {
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}
WEB = "http://WEB/"


def build_args(case, context, scratch):
    out = ["--network", case.get("network", "none")]
    for k, v in case.get("args", {}).items():
        out += ["--build-arg", k if v is None or v is False else f"{k}={v}"]
    for k, v in case.get("secrets", {}).items():
        p = Path(scratch, "secret-" + k)
        p.write_text(v)
        out += ["--secret", f"id={k},src={p}"]
    if case.get("target"):
        out += ["--target", case["target"]]
    if case.get("file"):
        out += ["-f", str(Path(context, case["file"]))]
    return out + case.get("flags", [])


class Saved:
    def __init__(self, data):
        self.tar = tarfile.open(fileobj=io.BytesIO(data))
        self.manifest = json.loads(self.read("manifest.json"))[0]
        self.config = json.loads(self.read(self.manifest["Config"]))
        self.diff_ids = self.config["rootfs"].get("diff_ids") or []

    def read(self, name):
        return self.tar.extractfile(name).read()

    def layer(self, i):
        with tarfile.open(fileobj=io.BytesIO(self.read(self.manifest["Layers"][i]))) as t:
            return [entry(m) for m in t.getmembers()]


def entry(m):
    out = {
        "path": m.name.removeprefix("./").rstrip("/"),
        "type": KINDS.get(m.type, "file"),
        "mode": f"{m.mode:04o}",
        "uid": m.uid,
        "gid": m.gid,
    }
    if out["type"] == "file":
        out["size"] = m.size
    if out["type"] in ("symlink", "hardlink"):
        out["link"] = m.linkname
    if out["type"] in ("char", "block"):
        out["device"] = f"{m.devmajor},{m.devminor}"
    xattrs = {k.removeprefix("SCHILY.xattr."): v for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
    if xattrs:
        out["xattrs"] = xattrs
    if m.mtime < FIXED_BEFORE:
        out["mtime"] = int(m.mtime) if m.mtime == int(m.mtime) else m.mtime
    return out


def comparable(layers):
    return [sorted((e for e in layer if not (e["path"] == "etc" and e["type"] == "dir")), key=lambda e: e["path"]) for layer in layers]


def said(r):
    return (r.stdout + r.stderr).decode(errors="replace")


def found_checks(program, case, context, scratch, where, stdin):
    r = program("build", "--call=check,format=json", *build_args(case, context, scratch), *where, env=case.get("env"), stdin=stdin)
    try:
        answer = json.loads(r.stdout)
    except ValueError:
        return [{"rule": None, "lines": []}]

    def lines(w):
        return sorted(
            {
                n
                for g in (w.get("location") or {}).get("ranges") or []
                for n in range(g["start"].get("line", 0), g["end"].get("line", 0) + 1)
            }
        )

    out = [{"rule": w["ruleName"], "lines": lines(w)} for w in answer.get("warnings") or []]
    if answer.get("buildError"):
        out.append({"rule": None, "lines": []})
    return out


def one_build(program, name, case, want, base, web):
    case = dict(case, dockerfile=case["dockerfile"].replace(WEB, f"{web}{name}/")) if case.get("web") else case
    tag, wrong = f"fact:p{os.getpid()}", {}  # two replays at once must not share an image
    with tempfile.TemporaryDirectory() as context, tempfile.TemporaryDirectory() as scratch:
        write_context(context, case)
        stdin = case["dockerfile"].encode() if case.get("stdin") else None
        where = ["-"] if case.get("stdin") else [context]

        def differs(aspect, ours, theirs):
            if ours != theirs:
                wrong[aspect] = f"{json.dumps(ours, ensure_ascii=False)[:150]} instead of {json.dumps(theirs, ensure_ascii=False)[:150]}"

        r = program(
            "build",
            "--progress",
            "plain",
            "--no-cache",
            "-t",
            tag,
            *build_args(case, context, scratch),
            *where,
            env=case.get("env"),
            stdin=stdin,
        )
        tail = (said(r).strip().splitlines() or [""])[-1]
        if (r.returncode == 0) != want["ok"]:
            return {
                "success": f"{'built' if r.returncode == 0 else tail[:150]} where Docker {'builds' if want['ok'] else 'says ' + want['error'][:150]}"
            }

        def key(c):
            return json.dumps([c.get("rule"), c["lines"] if c.get("rule") else []])

        differs(
            "checks",
            sorted(map(key, found_checks(program, case, context, scratch, where, stdin))),
            sorted(map(key, want.get("checks", []))),
        )
        if r.returncode:
            if not names_the_same(said(r), want["error"]):
                wrong["refusal"] = f"{tail[:150]!r} names nothing that Docker names: {want['error'][:150]!r}"
            return wrong
        r = program("save", tag)
        if (r.returncode and "save_error" not in want) or base is None:
            return {"save": (said(r).strip().splitlines() or ["nothing saved"])[-1][:150]}
        if "save_error" in want:
            c = json.loads(program("inspect", tag).stdout)[0]
            differs("layer count", len(c["RootFS"].get("Layers") or []), want["layer_count"])
            config = c["Config"]
        else:
            image = Saved(r.stdout)
            config = image.config.get("config") or {}
            differs("layer count", len(image.diff_ids), want["layer_count"])
            differs(
                "history",
                [
                    [h.get("created_by", "").replace(f"{web}{name}/", WEB), h.get("empty_layer", False), h.get("comment", "")]
                    for h in image.config.get("history") or []
                ],
                [[h["created_by"], h["empty_layer"], h.get("comment", "")] for h in want["history"]],
            )
            own = len(base) if image.diff_ids[: len(base)] == base else 0
            ours, theirs = comparable([image.layer(i) for i in range(own, len(image.diff_ids))]), comparable(want.get("layers", []))
            if ours != theirs:
                gone = [e for a, b in zip(ours, theirs, strict=False) for e in b if e not in a]
                extra = [e for a, b in zip(ours, theirs, strict=False) for e in a if e not in b]
                wrong["layers"] = (
                    f"{len(ours)} for {len(theirs)}; missing {json.dumps(gone[:2], ensure_ascii=False)[:200]}; instead {json.dumps(extra[:2], ensure_ascii=False)[:200]}"
                )
        differs("config", {k: v for k, v in sorted(config.items()) if v and k not in NOT_SET_BY_USERS}, want["config"])
        if "probe" in want:
            user = ["-u", case.get("probe_user", "0")] if case.get("probe_user", "0") else []
            differs(
                "probe",
                blur(said(program("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", *user, tag, "-c", case["probe"]))),
                blur(want["probe"]),
            )
        for run in want.get("runs", []):
            p = program("run", "--rm", "--network", "none", tag, *run["args"])
            differs(
                "run " + " ".join(run["args"]),
                [p.returncode, blur(said(p)) if p.returncode < 125 else ""],
                [run["exit"], blur(run["output"]) if run["exit"] < 125 else ""],
            )
        program("rmi", "-f", tag)
    return wrong


NOISE = {
    "ERROR",
    "error",
    "failed",
    "build",
    "solve",
    "Dockerfile",
    "line",
    "Error",
    "running",
    "docker",
    "context",
    "process",
    "complete",
    "successfully",
    "Unable",
    "unable",
    "invalid",
    "exit",
    "code",
}


def names_the_same(ours, theirs):
    """Does our message name an instruction, flag, path, quoted word or else two words of Docker's?"""
    telling = {w for g in re.findall(r'"([^"]{2,})"|(--[a-z-]+)|(/?[\w.*-]+/[\w./*-]+)|\b([A-Z]{3,})\b', theirs) for w in g if w} - NOISE
    if any(w in ours for w in telling):
        return True
    words = {w for w in re.findall(r"[A-Za-z]{4,}", theirs)} - NOISE
    return sum(w.lower() in ours.lower() for w in words) >= min(2, len(words) or 9)


def blur(s):
    s = re.sub(
        r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d [ \d]\d:\d\d\b|\b(202[5-9]|20[3-9]\d)-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?|\b1(7[4-9]|[89]\d)\d{7}\b",
        "<date>",
        s,
    )
    return re.sub(r"^(/bin/\w+: )?line 0: ", "/bin/sh: line 0: ", s, flags=re.M)


def cached_steps(progress):
    seen = {}
    for line in progress.splitlines():
        if line.startswith(b"{"):
            for v in json.loads(line).get("vertexes") or []:
                one = seen.setdefault(v["digest"], {"name": v["name"], "cached": False, "started": False})
                one["cached"] |= bool(v.get("cached"))
                one["started"] |= bool(v.get("started"))
    return sorted(
        [v["name"], v["cached"]]
        for v in seen.values()
        if v["name"].startswith("[") and not v["name"].startswith("[internal]") and v["started"] and "] FROM " not in v["name"]
    )


def one_sequence(program, name, case, want, base, web):
    program("builder", "prune", "-af")
    images, layers, wrong = {}, {}, {}
    with tempfile.TemporaryDirectory() as top:
        context, moved = Path(top, "context"), 0
        write_context(context, case)
        for n, (step, expected) in enumerate(zip(case["steps"], want, strict=False)):
            change, spec = step.get("edit", {}), step.get("build", {})
            if change.get("move"):
                moved += 1
                context = context.rename(Path(top, f"moved{moved}"))
            edit(context, change, LONG_AGO + 3600 * n, program)
            with tempfile.TemporaryDirectory() as scratch:
                tag = spec.get("tag", "cache-fact:x")
                r = program(
                    "build", "--progress", "rawjson", "-t", tag, *build_args(spec, context, scratch), str(context), env=spec.get("env")
                )
            if (r.returncode == 0) != expected["ok"]:
                return {f"build {n + 1}": said(r)[-150:]}
            ours, theirs = cached_steps(r.stderr + b"\n" + r.stdout), sorted([s["step"], s["cached"]] for s in expected["steps"])
            if ours != theirs:
                wrong[f"build {n + 1} steps"] = f"{[s for s in ours if s not in theirs]} instead of {[s for s in theirs if s not in ours]}"
            if r.returncode == 0:
                seen = json.loads(program("inspect", "--type", "image", tag).stdout)[0]
                own = [d for d in seen["RootFS"].get("Layers") or [] if d not in (base or [])]
                got = [
                    images.setdefault(seen["Id"], f"image {len(images) + 1}"),
                    [layers.setdefault(d, f"layer {len(layers) + 1}") for d in own],
                ]
                if got != [expected["image"], expected["layers"]]:
                    wrong[f"build {n + 1} image"] = f"{got} instead of {[expected['image'], expected['layers']]}"
            time.sleep(1.1)  # a file's time is known to the second in a layer
    program("rmi", "-f", "cache-fact:x", *{s.get("build", {}).get("tag", "cache-fact:x") for s in case["steps"]}, *case.get("tags", []))
    return wrong


def serve(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *a):
            pass

    s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=s.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{s.server_port}/"
