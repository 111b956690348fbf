"""IPython in a terminal: no pictures there, so every result is its text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.parts import ROOT

LINES = """%load_ext dockerlab
%layers busybox
%process busybox echo hi
%context
%history busybox
%docker images
%docker run nosuch-image
"""


def test_results_are_text_and_mistakes_one_message(home: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython"), "DOCKERLAB_LANG": "en"}
    words = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "--simple-prompt"]
    said = subprocess.run(words, input=LINES, capture_output=True, text=True, cwd=tmp_path / "here", env=environment, timeout=60).stdout
    assert "image busybox: 1 layer" in said and "argument of run" in said and "0 files, 0B" in said and "Imported from -" in said
    assert "REPOSITORY" in said and "nosuch-image" in said
    assert "<img" not in said and "Traceback" not in said and " object at 0x" not in said
