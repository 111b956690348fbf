"""What differs between two runs of one recorded session — IDs, times, sizes, ports — becomes placeholders; tables become cells."""

from __future__ import annotations

import itertools
import json
import re
import socket

BASE = "busybox:latest"
EPHEMERAL = r"(?:32[7-9]\d\d|3[3-9]\d{3}|4\d{4}|5\d{4}|6[0-5]\d{3})"
HEADS = set(
    "CONTAINER ID|IMAGE|COMMAND|CREATED|STATUS|PORTS|NAMES|SIZE|REPOSITORY|TAG|IMAGE ID|DIGEST|CREATED BY|CREATED AT|COMMENT|"
    "TYPE|TOTAL|ACTIVE|RECLAIMABLE|DRIVER|VOLUME NAME|NETWORK ID|NAME|SCOPE|UID|PID|PPID|C|STIME|TTY|TIME|CMD|LABELS|MOUNTS|"
    "NETWORKS|STATE|USER|PLATFORM|ID|LOCAL VOLUMES".split("|")
)
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
AGE = r"(?:Less than a second|About an? (?:minute|hour)|\d+ (?:second|minute|hour|day|week|month|year)s?)"
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"


class Normaliser:
    """Replaces what differs between two runs of one scenario by placeholders; one for each scenario, since IDs are numbered as seen."""

    def __init__(self, cwd="", root="", base_size=0):
        self.cwd, self.root, self.base = cwd, root, base_size
        self.host = socket.gethostname()
        self.ids, self.names = [], []

    def _id(self, text):
        for n, known in enumerate(self.ids, 1):
            if known.startswith(text) or text.startswith(known):
                if len(text) > len(known):
                    self.ids[n - 1] = text
                return n
        self.ids.append(text)
        return len(self.ids)

    def _ids(self, m):
        text = m.group(0)
        return f"<id:{self._id(text)}>" if len(text) == 64 else f"<short:{self._id(text)}>"

    def _name(self, text):
        if text not in self.names:
            self.names.append(text)
        return f"<name:{self.names.index(text) + 1}>"

    def _size(self, m):
        value = float(m.group(1)) * UNITS[m.group(2)]
        return "<size>" if self.base and 0.99 * self.base <= value <= self.base + 1.5e6 else m.group(0)

    def _bytes(self, m):
        return "<size>" if self.base and self.base <= int(m.group(0)) <= self.base + 1.5e6 else m.group(0)

    def __call__(self, text):
        if self.cwd:
            text = text.replace(self.cwd, "<cwd>")
        if self.root:
            text = text.replace(self.root, "<root>")
        if len(self.host) > 1:
            text = re.sub(rf"(?m)^{re.escape(self.host)}$|(?<=\t){re.escape(self.host)}$", "<host>", text)
        text = re.sub(r"\b(?:[a-z0-9-]+\.)*docker\.(?:io|com)\b(?!/go/)", "<registry>", text)
        text = re.sub(r"\bref [0-9a-f-]{36}::\w+", "ref <ref>", text)
        text = re.sub(r"(?<![0-9a-zA-Z])(?:[0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-zA-Z])", self._ids, text)
        text = re.sub(r"(?<!\d)(?!0001-01-01)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)", "<date>", text)
        text = re.sub(r"(?<!\d)(?!0001-01-01)\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?:\.\d+)?(?: [+-]\d{4})?(?: [A-Z]{3,4})?", "<date>", text)
        text = re.sub(rf"\b(?:{MONTHS}) +\d+ +(?:\d\d:\d\d(?::\d\d)?(?: [A-Z]+)?(?: \d{{4}})?|\d{{4}})", "<date>", text)
        text = re.sub(rf"(?<=\bUp ){AGE}\b|\b{AGE}(?= ago\b)", "<age>", text)
        text = re.sub(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>", text)
        text = re.sub(r"(?<![\d.])(?:172\.(?:1[6-9]|2\d|3[01])|192\.168|192\.0|10\.\d+)\.\d+\.\d+(?![\d.])(?::53\b)?", "<ip>", text)
        text = re.sub(r"(?:, )?(?:\[::\]|:::?):?(\d+)->\d+/(?:tcp|udp)", "", text)  # the IPv6 half of a published port
        text = re.sub(r"(?m)^(?:.* -> )?\[::\]:\d+\n", "", text)
        text = re.sub(rf"(0\.0\.0\.0|127\.0\.0\.1):{EPHEMERAL}\b", r"\1:<port>", text)
        text = re.sub(rf'("HostPort": ?"){EPHEMERAL}"', r'\1<port>"', text)
        text = re.sub(r',?\{"HostIp":"::","HostPort":"[^"]*"\}', "", text)
        text = re.sub(r'("Pid": ?)[1-9]\d*', r"\1<pid>", text)
        text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)(B|kB|MB|GB)\b", self._size, text)
        text = re.sub(r"(?<![\w.:])\d{7,}(?![\w.])", self._bytes, text)
        text = re.sub(r"Bind for (?:0\.0\.0\.0|::):", "Bind for <ip>:", text)  # the one tried first
        text = re.sub(r"\bexecDuration=\d+", "execDuration=<n>", text)
        text = re.sub(r"/proc/thread-self/fd/\d+", "/proc/thread-self/fd/<n>", text)
        text = re.sub(r"(0\.01 to )\d+\.00(, as there are only )\d+", r"\1<cpus>\2<cpus>", text)
        text = re.sub(r"(?<![\w.])\d+\.\d+\.\d+(?:[+~-][0-9a-z.+~-]+)?(?![\w.])(?!/\d)", "<version>", text)
        text = re.sub(r"(?m)^/?([a-z]{3,}_[a-z]{3,}\d?)$", lambda m: m.group(0).replace(m.group(1), self._name(m.group(1))), text)
        return text


def columns(line):
    """Column heads of a docker table with the offset of each, or [] if the line is no such head."""
    cols = [(m.start(), m.group(0)) for m in re.finditer(r"\S+(?: \S+)*", line)]
    return cols if cols and all(h in HEADS for _, h in cols) else []


def cells(text):
    """Rows of a docker table (the first holds the heads), or None if the text is none."""
    lines = text.splitlines()
    cols = columns(lines[0]) if lines else []
    if not cols or (len(cols) == 1 and len(lines) == 1 and len(lines[0]) < 3):
        return None
    ends = [at for at, _ in cols[1:]] + [None]
    return [[line[at:end].strip() for (at, _), end in zip(cols, ends, strict=False)] for line in lines]


def table(rows, norm):
    """The same table with every cell normalised, columns aligned again three spaces apart as docker does."""
    heads = rows[0]
    if "IMAGE ID" in heads and "TAG" in heads:  # names of one image come in any order
        at = heads.index("IMAGE ID")
        rows = [heads] + [r for _, same in itertools.groupby(rows[1:], lambda r: r[at]) for r in sorted(same)]
    out = [heads]
    for row in rows[1:]:
        row = [norm(c) for c in row]
        for i, head in enumerate(heads):
            if head in ("PID", "PPID") and row[i].isdigit():
                row[i] = "<pid>"
            elif head in ("STIME", "TIME", "C") and re.fullmatch(r"[\d:]+", row[i]):
                row[i] = "<time>"
        out.append(row)
    widths = [max(len(r[i]) for r in out) + 3 for i in range(len(heads))]
    return "".join("".join(c.ljust(w) for c, w in zip(r, widths, strict=False)).rstrip() + "\n" for r in out)


def keys(text):
    """The structure of JSON (one value, or one a line): each path with the type found there, sorted."""
    try:
        values = [json.loads(text)]
    except ValueError:
        try:
            values = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            return "not JSON\n" + text
    seen = set()

    def walk(path, v):
        kind = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}.get(type(v), "number")
        seen.add(f"{path or '.'} {kind}")
        if isinstance(v, dict):
            for k in v:
                walk(f"{path}.{k}", v[k])
        elif isinstance(v, list):
            for x in v:
                walk(f"{path}[]", x)

    for v in values:
        walk("", v)
    return "".join(line + "\n" for line in sorted(seen))


def last_words(text):
    """A build's stderr without its progress lines, whose order and times differ from run to run; says <progress> where they were."""
    out, progress = [], False
    for line in text.splitlines():
        if re.match(r"#\d+( |$)", line):
            progress = True
        elif line.strip() or (out and out[-1].strip()):
            line = re.sub(r"^\d+\.\d+ ", "<time> ", line)
            out.append(re.sub(r"^(?:<time> )?(?:/bin/sh: )?(?=line \d+: .*not found$)", "<sh> ", line))  # the shell writes it in pieces
    while out and not out[0].strip():
        out.pop(0)
    return ("<progress>\n" if progress else "") + "".join(line + "\n" for line in out)


def tidy(step, stdout, stderr, norm):
    """(kind, stdout, stderr) as recorded and compared."""
    if re.search(r"(?m)^#\d+ ", stderr):
        stderr = last_words(stderr)
    kind = "text"
    if step.get("show") == "keys":
        kind, out = "keys", norm(keys(stdout))
    elif rows := cells(stdout):
        kind, out = "table", table(rows, norm)
    else:
        out = norm(stdout)
        try:
            json.loads(stdout)
            kind = "json" if stdout[:1] in "[{" else "text"
        except ValueError:
            pass
    if step.get("sort"):
        out = "".join(sorted(out.splitlines(True), key=lambda line: line[2:] if step["sort"] == "path" else line))
    stderr = re.sub(r"(?m)^time=\S+ level=\w+ msg=.*\n", "", stderr)  # the client's own log, there or not as its threads go
    return kind, out, norm(re.sub(r"\x1b\[[0-9;]*m", "", stderr))
