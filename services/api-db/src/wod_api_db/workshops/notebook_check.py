"""Notebooks that cannot be any, seen before anybody registers: what is a template is judged only when it is rendered."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

#: What makes a file a template, which may become JSON by being rendered.
_TEMPLATE_MARKS = (b"{{", b"{%", b"{#", b"#jinja2:")
#: A larger one is not read a second time for a note.
MOST_BYTES = 32 * 1024**2


def broken_notebooks(folder: Path, checkpoints: str) -> Iterator[tuple[Path, int | None, str]]:
    """File, line and what is wrong. Raises OSError."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != checkpoints)
        for path in (Path(parent, name) for name in sorted(names) if name.endswith(".ipynb")):
            if path.stat().st_size <= MOST_BYTES and (fault := _fault(path.read_bytes())):
                yield path, *fault


def _fault(data: bytes) -> tuple[int | None, str] | None:
    if any(mark in data for mark in _TEMPLATE_MARKS):
        return None
    try:
        json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "is not UTF-8"
    except json.JSONDecodeError as error:
        return error.lineno, f"is not JSON: {error.msg}"
    except (RecursionError, ValueError):
        return None, "is nested too deeply, or has a number that is too long"
    return None
