"""dockerlab: how container images are built, taught by doing, with no daemon and no root."""

__version__ = "0.1.0"


def load_ipython_extension(shell):  # type: ignore[no-untyped-def]  # IPython's types are loaded only where it runs
    """`%load_ext dockerlab`: register the magics in this shell."""
    from dockerlab.distribution import warn_of_intruder
    from dockerlab.notebook.magics import register

    warn_of_intruder()
    register(shell)


def unload_ipython_extension(shell):  # type: ignore[no-untyped-def]
    """`%unload_ext dockerlab`: give IPython its own %history back."""
    from dockerlab.notebook.magics import unregister

    unregister(shell)
