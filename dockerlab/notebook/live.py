"""Results that are alive where somebody looks on, and a still picture everywhere else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

    from dockerlab.engine import Engine

WIDGET = "application/vnd.jupyter.widget-view+json"


def seen_live(shell: Any) -> bool:
    """Whether somebody looks at the cells as they run: a notebook server or an editor has started the kernel. DOCKERLAB_WIDGETS=on|off overrides.

    Where a program runs the cells (nbconvert, a grader), a saved widget would take the place of the static picture in the page that it writes.
    """
    asked = os.environ.get("DOCKERLAB_WIDGETS", "")
    if asked in ("on", "off"):
        return asked == "on"
    return getattr(shell, "kernel", None) is not None and bool(
        shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    )


class Live:
    """A result with a static twin (`__repr__`, `_repr_html_`) and, where an engine answers its questions, a widget.

    It can be copied and pickled: the engine stays behind.
    """

    _engine: Engine | None = None

    def answered_by(self, engine: Engine) -> Self:
        """This engine is asked for what the widget shows."""
        self._engine = engine
        return self

    def _widget(self, engine: Engine) -> Any:
        """The widget that shows it."""
        raise NotImplementedError

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from IPython import get_ipython

        if self._engine is None or (shell := get_ipython()) is None:
            return {}
        return {WIDGET: self._widget(self._engine)._repr_mimebundle_()[0][WIDGET]} if seen_live(shell) else {}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_engine"}
