"""``.tools/bin/python infra/helm/render.py [VALUES.yaml]``: what ``helm template`` prints, by Helm's own library.

For machines without ``helm``. Exit code 1 and the reason where Helm's lint or the rendering fails.
"""

import sys
from pathlib import Path

from helm_python import Chart, HelmError, chart, values_from_yaml

HERE = Path(__file__).parent / "workshops-on-demand"


def main() -> int:
    values = values_from_yaml(Path(sys.argv[1]).read_text()) if len(sys.argv) > 1 else {}
    found = chart.lint(str(HERE), values, strict=True)
    # the one thing that it misses is a picture
    problems = [str(item) for item in found.get("messages", []) if "icon is recommended" not in str(item)]
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 1
    try:
        rendered = Chart.load(str(HERE)).render(values, name="wod", namespace="workshops")
    except HelmError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for name, text in sorted(rendered.items()):
        if text.strip() and not name.endswith(".tpl"):
            sys.stdout.write(f"---\n# Source: {name}\n{text.strip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
