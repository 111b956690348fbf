"""What is told while an image comes or goes: the items of the stream that Docker's API gives for a pull or a push."""

from __future__ import annotations

from dockerlab.data import dataclass


@dataclass(frozen=True)
class Progress:
    """`id` is a layer's short digest, a tag, or "" for a line of its own; `current` of `total` bytes, where `total` is 0 nothing is counted."""

    status: str
    id: str = ""
    current: int = 0
    total: int = 0

    @property
    def line(self) -> str:
        """As docker prints it where there is no terminal; "" for mere counting."""
        if self.total:
            return ""
        return f"{self.id}: {self.status}" if self.id else self.status
