"""What differs between two runs of one recorded session — IDs, times, sizes, ports, addresses — becomes a placeholder, as in the recording."""

from __future__ import annotations

import re
import socket

_EPHEMERAL = r"(?:32[7-9]\d\d|3[3-9]\d{3}|4\d{4}|5\d{4}|6[0-5]\d{3})"
_AGE = r"(?:Less than a second|About an? (?:minute|hour)|\d+ (?:second|minute|hour|day|week|month|year)s?)"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_NOT_ZERO_TIME = r"(?<!\d)(?!0001-01-01)"
_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9}

_SIMPLE = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_NOT_ZERO_TIME + r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)", "<date>"),
        (_NOT_ZERO_TIME + r"\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?(?:\.\d+)?(?: [+-]\d{4})?(?: [A-Z]{3,4})?", "<date>"),
        (rf"\b{_MONTH} +\d+ +(?:\d\d:\d\d(?::\d\d)?(?: [A-Z]+)?(?: \d{{4}})?|\d{{4}})", "<date>"),
        (rf"(?<=\bUp ){_AGE}\b|\b{_AGE}(?= ago\b)", "<age>"),
        (r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", "<mac>"),
        (r"(?<![\d.])(?:172\.(?:1[6-9]|2\d|3[01])|192\.168|192\.0|10\.\d+)\.\d+\.\d+(?![\d.])(?::53\b)?", "<ip>"),
        (r"(?:, )?(?:\[::\]|:::?):?(\d+)->\d+/(?:tcp|udp)", ""),  # the IPv6 half of a published port, here and in the next line
        (r"(?m)^(?:.* -> )?\[::\]:\d+\n", ""),
        (rf"(0\.0\.0\.0|127\.0\.0\.1):{_EPHEMERAL}\b", r"\1:<port>"),
        (rf'("HostPort": ?"){_EPHEMERAL}"', r'\1<port>"'),
        (r',?\{"HostIp":"::","HostPort":"[^"]*"\}', ""),
        (r'("Pid": ?)[1-9]\d*', r"\1<pid>"),
    )
]
_LATE = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"Bind for (?:0\.0\.0\.0|::):", "Bind for <ip>:"),  # whichever was tried first
        (r"\bexecDuration=\d+", "execDuration=<n>"),
        (r"/proc/thread-self/fd/\d+", "/proc/thread-self/fd/<n>"),
        (r"(0\.01 to )\d+\.00(, as there are only )\d+", r"\1<cpus>\2<cpus>"),
        (r"(?<![\w.])\d+\.\d+\.\d+(?:[+~-][0-9a-z.+~-]+)?(?![\w.])(?!/\d)", "<version>"),
    )
]


class Placeholders:
    """One for each session, since IDs and names are numbered as they are first seen. `base_size` is busybox's, which is compared roughly."""

    def __init__(self, cwd: str, root: str, base_size: int) -> None:
        self.cwd, self.root, self.base_size = cwd, root, base_size
        self._host = socket.gethostname()
        self._ids: list[str] = []
        self._names: list[str] = []

    def __call__(self, text: str) -> str:
        """The text with placeholders."""
        for found, shown in ((self.cwd, "<cwd>"), (self.root, "<root>")):
            text = text.replace(found, shown) if found else text
        if len(self._host) > 1:
            text = re.sub(rf"(?m)^{re.escape(self._host)}$|(?<=\t){re.escape(self._host)}$", "<host>", text)
        text = re.sub(r"\b(?:[a-z0-9-]+\.)*docker\.(?:io|com)\b(?!/go/)", "<registry>", text)
        text = re.sub(r"\bref [0-9a-f-]{36}::\w+", "ref <ref>", text)
        text = re.sub(r"(?<![0-9a-zA-Z])(?:[0-9a-f]{64}|[0-9a-f]{12})(?![0-9a-zA-Z])", self._identifier, text)
        for pattern, replacement in _SIMPLE:
            text = pattern.sub(replacement, text)
        text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)(B|kB|MB|GB)\b", lambda m: self._size(m, float(m[1]) * _UNITS[m[2]], 0.99), text)
        text = re.sub(r"(?<![\w.:])\d{7,}(?![\w.])", lambda m: self._size(m, int(m[0]), 1), text)
        for pattern, replacement in _LATE:
            text = pattern.sub(replacement, text)
        return re.sub(r"(?m)^(/?)([a-z]{3,}_[a-z]{3,}\d?)$", lambda m: m[1] + self._name(m[2]), text)

    def _identifier(self, match: re.Match[str]) -> str:
        text = match[0]
        kind = "id" if len(text) == 64 else "short"
        for number, known in enumerate(self._ids):
            if known.startswith(text) or text.startswith(known):
                self._ids[number] = max(known, text, key=len)
                return f"<{kind}:{number + 1}>"
        self._ids.append(text)
        return f"<{kind}:{len(self._ids)}>"

    def _name(self, text: str) -> str:
        if text not in self._names:
            self._names.append(text)
        return f"<name:{self._names.index(text) + 1}>"

    def _size(self, match: re.Match[str], value: float, tolerance: float) -> str:
        near = self.base_size and tolerance * self.base_size <= value <= self.base_size + 1.5e6
        return "<size>" if near else match[0]
