"""Which distribution this package came from. The name `dockerlab` on the package index is somebody else's; it brings an import package and a command of the same name."""

from __future__ import annotations

import os

OURS, OTHER = "jupyter-dockerlab", "dockerlab"
ADVICE = f"both bring a package called dockerlab: pip uninstall {OTHER} {OURS}, then install {OURS} again"


def intruder() -> str:
    """The folder of the other distribution's metadata beside this package, or "". Costs one listing of the folder."""
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        names = os.listdir(folder)
    except OSError:
        return ""
    found = next((name for name in names if name.startswith(f"{OTHER}-") and name.endswith(".dist-info")), "")
    return os.path.join(folder, found) if found else ""


def warn_of_intruder() -> None:
    """Warn, once, if the other distribution is there: whichever was installed last has overwritten files of the other."""
    if intruder():
        import warnings

        warnings.warn(f"the distribution {OTHER} is installed beside this one, and {ADVICE}", stacklevel=3)
