"""What the agent heeds of a workshop's ``wod.yml``. The api-db has judged the whole of it; here a value may be as it comes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = "wod.yml"
LARGEST_BYTES = 64 * 1024
_YES = {"true", "yes", "on"}
_FIRST = re.compile(r"\s*([1-9][0-9]{0,5})\s*(?:-.*)?")
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class MalformedManifest(Exception):
    """Names the file and what to mend in it."""


@dataclass(frozen=True)
class Manifest:
    #: the first student number of its range
    first: int | None = None
    #: its notebooks may show the seat's password
    shows_password: bool = False
    #: the password is also put into the location's directory, or kept in the seat's vaulted variables
    ldap: bool = False
    varpass: bool = False
    #: names of scripts that are delivered compiled
    compile: tuple[str, ...] = ()
    #: it works with one separate machine for all seats, or with one per seat
    has_appliance: bool = False
    has_appliance_per_seat: bool = False


def read_manifest(workshop: Path) -> Manifest:
    """Of a folder without one, a manifest that asks for nothing. Raises MalformedManifest and OSError."""
    path = workshop / FILE
    if not path.is_file():
        return Manifest()
    values = _values(path)
    per_seat = _flag(values.get("multiappliance"))
    return Manifest(
        first=_first(values.get("range")),
        shows_password=_flag(values.get("varpass")) or _flag(values.get("ldap")),
        ldap=_flag(values.get("ldap")),
        varpass=_flag(values.get("varpass")),
        compile=_scripts(values.get("compile")),
        has_appliance=per_seat or _flag(values.get("monoappliance")),
        has_appliance_per_seat=per_seat,
    )


def _values(path: Path) -> dict[str, Any]:
    """Every scalar as its text: no tag of a hostile file makes an object."""
    data = path.read_bytes()
    if len(data) > LARGEST_BYTES:
        raise MalformedManifest(f"{FILE} is larger than {LARGEST_BYTES // 1024} KiB")
    try:
        # a tab after a key is common in these files, and no YAML
        values = yaml.load(data.decode("utf-8-sig").replace("\t", " "), yaml.BaseLoader)  # noqa: S506 - makes texts only
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{FILE}:{mark.line + 1}" if mark else FILE
        raise MalformedManifest(f"{where}: not valid YAML; write one 'key: value' a line, in UTF-8") from None
    if not isinstance(values, dict):
        raise MalformedManifest(f"{FILE} is not a list of keys; write one 'key: value' a line")
    return values


def _flag(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in _YES


def _first(value: Any) -> int | None:
    """Of ``[1, 6]``, ``['1981-1985']`` or ``1981-1985``."""
    first = value[0] if isinstance(value, list) and value else value
    matched = _FIRST.fullmatch(first) if isinstance(first, str) else None
    return int(matched[1]) if matched else None


def _scripts(value: Any) -> tuple[str, ...]:
    if value is None or value in ("", "~", "null", "false", "False", "no"):
        return ()
    names = value if isinstance(value, list) else str(value).split(",")
    found = tuple(str(name).strip() for name in names if str(name).strip())
    for name in found:
        if not _SCRIPT.fullmatch(name):
            raise MalformedManifest(
                f"{FILE}: compile names {name[:100]!r}; write file names separated by commas, without folders"
            )
    return found
