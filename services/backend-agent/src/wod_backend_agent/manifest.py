"""What the agent heeds of a workshop's ``wod.yml``. The api-db has judged the whole of it; here a value may be as it comes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wod_common.plain_yaml import MAX_BYTES, MalformedYaml
from wod_common.wod_yml import FILE, SeatRange, flag, read_metadata, script_names, seat_range

T = TypeVar("T")


class MalformedManifest(Exception):
    """Names the file and what to mend in it."""


@dataclass(frozen=True)
class Manifest:
    #: the seats that it may have, as its author wrote it
    range: SeatRange | None = None
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

    @property
    def first(self) -> int | None:
        """The first student number of its range."""
        return self.range.first if self.range else None


def read_manifest(workshop: Path) -> Manifest:
    """Of a folder without one, a manifest that asks for nothing. Raises MalformedManifest and OSError."""
    path = workshop / FILE
    if not path.is_file():
        return Manifest()
    values = _values(path)
    per_seat = _read(flag, values.get("multiappliance")) or False
    return Manifest(
        range=_read(seat_range, values.get("range")),
        shows_password=any(_read(flag, values.get(key)) for key in ("varpass", "ldap")),
        ldap=_read(flag, values.get("ldap")) or False,
        varpass=_read(flag, values.get("varpass")) or False,
        compile=_scripts(values.get("compile")),
        has_appliance=per_seat or _read(flag, values.get("monoappliance")) or False,
        has_appliance_per_seat=per_seat,
    )


def _values(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    try:
        return {key: entry.value for key, entry in read_metadata(data).items()}
    except MalformedYaml as error:
        where = f"{FILE}:{error.line}" if error.line else FILE
        raise MalformedManifest(f"{where}: {error.reason}") from None


def _read(reader: Callable[[Any], T], value: Any) -> T | None:
    """What the api-db refuses asks for nothing here."""
    try:
        return reader(value)
    except ValueError:
        return None


def _scripts(value: Any) -> tuple[str, ...]:
    """Not as it comes: whoever names a script wants its text hidden."""
    try:
        return script_names(value)
    except ValueError as error:
        raise MalformedManifest(f"{FILE}: compile is {str(value)[:100]!r}: {error}") from None
