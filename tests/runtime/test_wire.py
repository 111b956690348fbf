"""Messages between a keeper and its client."""

from __future__ import annotations

from dockerlab.runtime.helper import wire


def test_what_was_said_before_hanging_up_is_heard_though_something_was_left_unread() -> None:
    ours, theirs = wire.pair()
    wire.send(ours, {"size": [24, 80]})
    wire.send(theirs, {"event": "exited", "code": 3})
    theirs.close()
    assert wire.receive(ours) == ({"event": "exited", "code": 3}, [])
    assert wire.receive(ours) == (None, [])


def test_who_is_gone_without_a_word_is_the_end_of_the_stream() -> None:
    ours, theirs = wire.pair()
    wire.send(ours, {"size": [24, 80]})
    theirs.close()
    assert wire.receive(ours) == (None, [])
    assert not wire.send(ours, {"size": [24, 80]})


def test_the_failure_of_who_is_gone_already_is_heard_once() -> None:
    ours, theirs = wire.pair()
    assert wire.last_words(ours) is None
    failure: wire.Message = {"event": "failed", "code": 126, "message": "exec", "kind": "start"}
    wire.send(theirs, failure)
    theirs.close()
    assert wire.last_words(ours) == failure
    assert wire.last_words(ours) is None
    ours.close()
    assert wire.last_words(ours) is None
