"""The checks of each lab, one module a lab: `CHECKS`, in the order of the exercises, and `PREDICTIONS`, what each prediction is compared with."""

LABS = ("layers", "commit", "build", "context", "directives")
"""The labs with exercises, in the order of the course."""
