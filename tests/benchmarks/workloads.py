"""The contexts that every engine is timed on."""

from __future__ import annotations

import random
from pathlib import Path

SMALL = (
    "FROM busybox\nCOPY a.txt /a.txt\nRUN echo hi > /b\nENV A=1\nWORKDIR /w\n"
    'RUN mkdir -p d && cd d && i=0; while [ $i -lt 100 ]; do : > f$i; i=$((i+1)); done\nCMD ["sh"]\n'
)


def wide(root: Path) -> None:
    """100,000 files, 1 GB, in ten COPYs; then a RUN that removes and touches some, and a COPY of a hundred once more."""
    root.mkdir(parents=True)
    bytes_of_all = random.Random(7).randbytes(1 << 20)
    for number in range(100_000):
        file = root / f"g{number // 10_000}/d{number // 100 % 100:02d}/f{number % 100:02d}.dat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes_of_all[number * 5 :][:10_500])
    copies = "".join(f"COPY g{group} /srv/g{group}\n" for group in range(10))
    some = "RUN rm -rf /srv/g3/d00 && touch /srv/g4/d00/f00.dat\nCOPY g5/d01 /srv/g5/d01\n"
    (root / "Dockerfile").write_text(f"FROM busybox\n{copies}{some}")


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
