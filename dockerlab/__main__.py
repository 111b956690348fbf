"""`python -m dockerlab`."""

import sys

from dockerlab.cli.main import main

sys.exit(main())
