"""What a notebook's cell shows, in the four ways that a test asks for it."""

from __future__ import annotations

import re
from typing import Any


def shown(cell: Any) -> str:
    """Everything a cell printed or displayed as text."""
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)


def error(cell: Any) -> str:
    """What the cell's error shows, without colours; "" if there is none."""
    text = "\n".join(line for output in cell.outputs if output.output_type == "error" for line in output.traceback)
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def html(cell: Any) -> str:
    """What it displays as HTML."""
    return "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
