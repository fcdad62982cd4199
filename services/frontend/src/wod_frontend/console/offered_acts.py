"""Every act of the console, by name, and which of them make sense where."""

from wod_frontend.console.acts import Act
from wod_frontend.console.acts_on_classes import ON_CLASSES
from wod_frontend.console.acts_on_people import ON_PEOPLE
from wod_frontend.console.acts_on_places import ON_PLACES
from wod_frontend.console.backstage import Row

ACTS: dict[str, Act] = {act.name: act for act in (*ON_PEOPLE, *ON_PLACES, *ON_CLASSES)}


def of_rows(listing: str) -> list[Act]:
    """Those that several rows of a list can be chosen for."""
    return [act for act in ACTS.values() if act.on == listing and act.bulk]


def of_row(listing: str, row: Row) -> list[Act]:
    """Those that make sense for this row as it stands."""
    return [act for act in ACTS.values() if act.on == listing and act.fits(row)]


def heads_of(names: tuple[str, ...]) -> list[Act]:
    return [ACTS[name] for name in names]
