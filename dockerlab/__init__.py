"""dockerlab: how container images are built, taught by doing, with no daemon and no root."""

from dockerlab.distribution import ADVICE, OTHER, intruder

__version__ = "0.1.0"

if intruder():
    import warnings

    warnings.warn(f"the distribution {OTHER} is installed beside this one, and {ADVICE}", stacklevel=2)


def load_ipython_extension(shell):  # type: ignore[no-untyped-def]  # IPython's types are loaded only where it runs
    """`%load_ext dockerlab`: register the magics in this shell."""
    from dockerlab.notebook.magics import register

    register(shell)


def unload_ipython_extension(shell):  # type: ignore[no-untyped-def]
    """`%unload_ext dockerlab`: give IPython its own %history back."""
    from dockerlab.notebook.magics import unregister

    unregister(shell)
