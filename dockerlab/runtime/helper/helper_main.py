"""Entry of the helper process: `python -I -S -E helper_main.py FD` serves requests from the socket FD until it is closed.

Without site-packages and without the environment it starts in the time of a bare interpreter. The package's own modules are found by the
folder that this file lies in; they import nothing heavy.
"""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))))

from dockerlab.runtime.helper.serve import main

if __name__ == "__main__":
    os.chdir("/")
    main(int(sys.argv[1]))
    os._exit(0)  # whoever closes the runtime waits for us: no time to take an interpreter apart
