"""The kernel "Docker lab": Python with our magics loaded, and Dockerfiles as cells. `python -m dockerlab.notebook.kernel -f CONNECTION_FILE` runs it."""

from __future__ import annotations

from typing import Any

from ipykernel.ipkernel import IPythonKernel

from dockerlab import __version__
from dockerlab.notebook.build_cells import transform

NAME, DISPLAY_NAME = "dockerlab", "Docker lab"


class DockerLabKernel(IPythonKernel):  # type: ignore[misc]
    """IPython's own kernel otherwise: graders and debuggers find what they know."""

    implementation = NAME
    implementation_version = __version__
    banner = f"Docker lab {__version__}: a cell that starts with FROM is a build, %docker VERB runs docker's verbs, all else is Python"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.shell.extension_manager.load_extension("dockerlab")
        self.shell.input_transformers_cleanup.append(transform)


def main() -> None:
    """Run until the front end is done with it."""
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(kernel_class=DockerLabKernel)


if __name__ == "__main__":
    main()
