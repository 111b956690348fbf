"""The checks of each lab, one module a lab: `CHECKS`, in the order of the exercises, and `PREDICTIONS`, what each prediction is compared with."""

LABS = ("tour", "layers", "commit", "build", "context", "directives", "multistage", "capstone")
"""The labs with exercises, in the order of the course."""
USUAL = ("busybox", "nginx")
FURTHER = {"multistage": ("gcc", "openjdk:17-jdk", "openjdk:17-jre"), "capstone": ("python",)}


def images_of(lab: str) -> tuple[str, ...]:
    """The base images that a lab's recipes begin with; all of them, and no other, are there before its cells run."""
    return USUAL + FURTHER.get(lab, ())


def all_images() -> tuple[str, ...]:
    """Those of the whole course."""
    return tuple(dict.fromkeys(image for lab in LABS for image in images_of(lab)))
