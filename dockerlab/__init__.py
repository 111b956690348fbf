"""dockerlab: how container images are built, taught by doing, with no daemon and no root."""

__version__ = "0.1.0"
