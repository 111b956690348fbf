"""A widget whose view asks for what it is about to show, and gets it, or a sentence that says why not."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from dockerlab.errors import DockerlabError
from dockerlab.notebook.words import as_magic

Json = dict[str, Any]


class AskingWidget(anywidget.AnyWidget):  # type: ignore[misc]
    """A subclass answers each question `ask` by a method `answer_ASK(**about)`, whose result is JSON; DockerlabError becomes a sentence in the view."""

    words: Any = traitlets.Dict().tag(sync=True)
    """The view's labels, in the learner's language."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._asked)

    def _asked(self, _widget: Any, content: Json, _buffers: Any) -> None:
        try:
            answer = getattr(self, f"answer_{content['ask']}")(**content["about"])
        except DockerlabError as error:
            self.send({"id": content["id"], "error": {"message": error.message, "hint": as_magic(error.hint or "")}})
        except Exception as error:  # a question that nobody foresaw: the view says so, and goes on
            self.send({"id": content["id"], "error": {"message": f"{type(error).__name__}: {error}", "hint": ""}})
        else:
            self.send({"id": content["id"], "answer": answer})
