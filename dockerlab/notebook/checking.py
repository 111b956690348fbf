"""`%check`: what an exercise is worth now, and where somebody looks on a button that looks again."""

from __future__ import annotations

from html import escape
from typing import Any

from dockerlab.course import Verdict, check
from dockerlab.engine import Engine
from dockerlab.notebook.live import WIDGET
from dockerlab.notebook.words import language, word


class Again:
    """A button under a verdict: click it after a repair, and the new verdict stands below it. Nothing to see where nobody can click."""

    def __init__(self, exercise: str, engine: Engine) -> None:
        self._exercise, self._engine = exercise, engine

    def __repr__(self) -> str:
        return ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {WIDGET: self._widget()._repr_mimebundle_()[WIDGET], "text/plain": ""}

    def _widget(self) -> Any:
        import ipywidgets

        button = ipywidgets.Button(description=word("check again"), tooltip=f"%check {self._exercise}", icon="refresh")
        below = ipywidgets.HTML()

        def look(_: object) -> None:
            try:
                below.value = self.verdict()._repr_html_()
            except Exception as error:  # the button has no cell that would show it
                below.value = f"<p>{escape(str(error))}</p>"

        button.on_click(look)
        return ipywidgets.VBox([button, below])

    def verdict(self) -> Verdict:
        """What the exercise is worth now, with help for those who try again."""
        return check(self._exercise, self._engine, language())
