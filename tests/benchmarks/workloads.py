"""The contexts that every engine is timed on."""

from __future__ import annotations

import random
from pathlib import Path

SMALL = (
    "FROM busybox\nCOPY a.txt /a.txt\nRUN echo hi > /b\nENV A=1\nWORKDIR /w\n"
    'RUN mkdir -p d && cd d && i=0; while [ $i -lt 100 ]; do : > f$i; i=$((i+1)); done\nCMD ["sh"]\n'
)


def write(root: Path) -> None:
    """small: five steps; deep: thirty RUNs; large: 10,000 files, about 200 MB, COPY and a RUN; changed: a container's 2,000 changed files."""
    for name, text in {
        "small": SMALL,
        "deep": "FROM busybox\n" + "".join(f"RUN echo {n} > /f{n}\n" for n in range(30)),
        "large": "FROM busybox\nCOPY . /src\nRUN touch /src/built\n",
    }.items():
        (root / name).mkdir(parents=True)
        (root / name / "Dockerfile").write_text(text)
    (root / "small/a.txt").write_text("a\n")
    rng = random.Random(7)
    for number in range(100):
        folder = root / f"large/pkg{number:02d}"
        folder.mkdir()
        for file in range(100):
            (folder / f"f{file:02d}.dat").write_bytes(rng.randbytes(rng.choice([200, 2000, 20000, 58000])))
