"""The suite in other isolations than its own: where they are entered, what is played there, what can't be had there, and the table of how it went.

places.py      each isolation: who, behind what, with which home
played.py      which modules are played in which
refusals.py    which tests can't be had in which, with the reason; the whole suite obeys it, wherever it runs
playing.py     one run there, and what came of it                       beside.py      all such runs, beside the rest of the suite
    table.py       all of them, as text and as docs/isolations.md          fixtures.py    the way in, for a test
"""
