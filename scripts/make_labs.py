"""Write the labs' notebooks anew from their texts: python scripts/make_labs.py"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dockerlab.course.authoring import write_all  # noqa: E402

for path in write_all(ROOT / "labs"):
    print(path.relative_to(ROOT))
