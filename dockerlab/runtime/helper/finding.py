"""Where the program proot is: asked by whoever probes, by whoever starts it, and by who wonders whether what was probed still holds."""

from __future__ import annotations

import os


def proot() -> str:
    """Its path, or ""."""
    for folder in os.environ.get("PATH", os.defpath).split(":"):
        path = os.path.abspath(f"{folder or '.'}/proot")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""
