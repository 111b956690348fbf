"""`python -m dockerlab`."""

from dockerlab.cli.main import command

command()
