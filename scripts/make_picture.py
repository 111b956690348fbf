"""Write the README's picture anew from a real build: python scripts/make_picture.py"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dockerlab.engine import BuildOptions, open_engine  # noqa: E402
from dockerlab.notebook.pictures import stack_svg  # noqa: E402
from dockerlab.notebook.results import LayerStack  # noqa: E402

DOCKERFILE = """FROM nginx
COPY default.conf /etc/nginx/conf.d/default.conf
COPY index.html /usr/share/nginx/html/index.html
"""

engine = open_engine()
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "default.conf").write_text("server {\n    listen 80;\n    root /usr/share/nginx/html;\n}\n")
    Path(folder, "index.html").write_text("<h1>Hello</h1>\n")
    list(engine.build(BuildOptions(context=folder, dockerfile_text=DOCKERFILE, tags=("site:1",))))
stack = LayerStack.of(engine, "site:1")
target = ROOT / "docs/images/layers.svg"
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(stack_svg(stack.image, stack.bands, stack.size))
print(target.relative_to(ROOT))
