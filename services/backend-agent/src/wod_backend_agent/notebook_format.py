"""Whether a text is a Jupyter notebook, by nbformat's own schemas.

nbformat takes a second to import, each CREATE is a new process, and all that is needed are its schema files and
fastjsonschema, which it uses itself: 40 ms.
"""

import json
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fastjsonschema


def notebook_fault(text: str) -> str | None:
    """What is wrong with the notebook, with the line where it is no JSON; None where it is one."""
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        return f"after rendering it is not JSON, line {error.lineno}: {error.msg}"
    except RecursionError:
        return "after rendering it is nested too deeply"
    try:
        _validator(notebook["nbformat"], notebook["nbformat_minor"])(notebook)
    except (KeyError, TypeError):
        return "after rendering it is not a notebook: nbformat and nbformat_minor are missing"
    except UnknownFormat as error:
        return f"after rendering it is not a notebook of a known format: {error}"
    except fastjsonschema.JsonSchemaException as error:
        return f"after rendering it is not a valid notebook: {error}"
    return None


class UnknownFormat(Exception):
    pass


@lru_cache
def _validator(major: int, minor: int) -> Callable[[Any], Any]:
    folder = _schemas() / f"v{major}"
    candidates = (f"nbformat.v{major}.{minor}.schema.json", f"nbformat.v{major}.schema.json")
    for name in candidates:
        if (folder / name).is_file():
            schema = json.loads((folder / name).read_text(encoding="utf-8"))
            validator: Callable[[Any], Any] = fastjsonschema.compile(schema)
            return validator
    raise UnknownFormat(f"{major}.{minor}")


@lru_cache
def _schemas() -> Path:
    spec = find_spec("nbformat")
    if spec is None or not spec.submodule_search_locations:
        raise UnknownFormat("nbformat is not installed")
    return Path(next(iter(spec.submodule_search_locations)))
