"""A seat's JupyterLab, started quicker: ``python -m wod_jupyterhub.singleuser``."""

# JupyterHub is not annotated
# mypy: disallow-untyped-calls=False

import sys

# it builds a grammar when imported, a third of the whole start, to check a format that no event of the
# server has; jsonschema does without where it is missing
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

from jupyterhub.singleuser import main  # noqa: E402 - only after the line above

if __name__ == "__main__":
    main()
