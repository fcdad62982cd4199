"""Brings the workshops of the content folders into the database."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from wod_api_db.locations.models import Location
from wod_api_db.workshops.differences import Differences
from wod_api_db.workshops.importing import ImportReport, Refusal, import_workshops
from wod_api_db.workshops.models import Placement, Workshop
from wod_api_db.workshops.overlaps import Stored, without_overlaps
from wod_api_db.workshops.sync_report import Remark, SyncReport

#: The advisory lock: one at a time reads the folders and stores what it read.
LOCK = 0x57_4F44


class SyncRuns(Exception):
    """Another synchronisation is at work."""


class NoLocation(Exception):
    """There is nowhere for a workshop to run."""


async def synchronise(
    session: AsyncSession,
    folders: Sequence[Path],
    *,
    home: int | None = None,
    dry_run: bool = False,
    force: bool = False,
) -> SyncReport:
    """Creates, updates, retires; answers the difference, which a dry run takes back.

    ``home`` is the location of workshops that have none yet, by default the one with the smallest id. A capacity is
    never overwritten, nor what an operator has changed or closed. Where workshops would be retired while a content
    folder is missing or empty, nothing is done unless forced: its disk may not be mounted.

    The caller holds the lock (``lock`` or ``wait_for_lock``). Raises NoLocation.
    """
    imported = await asyncio.to_thread(import_workshops, folders)
    stored = await _stored(session, home)
    report = SyncReport(applied=not dry_run)
    changes = await session.begin_nested()
    differences = Differences(session, stored, imported, report)
    with session.no_autoflush:
        for definition in without_overlaps(imported, stored):
            differences.store(definition)
        differences.retire_missing()
    await session.flush()
    if report.retired and (imported.empty or not folders) and not force:
        report.applied = False
        imported.refusals.insert(0, _unmounted(imported, report))
    await (changes.commit() if report.applied else changes.rollback())
    report.refused = [Remark.of(refusal) for refusal in imported.refusals]
    report.notes = [Remark.of(note) for note in imported.notes]
    return report


async def lock(session: AsyncSession) -> None:
    """Until the end of the transaction. Raises SyncRuns."""
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(LOCK)))).scalar_one():
        raise SyncRuns("another synchronisation is at work; try again when it has ended")


async def wait_for_lock(session: AsyncSession) -> None:
    await session.execute(select(func.pg_advisory_xact_lock(LOCK)))


async def _stored(session: AsyncSession, home: int | None) -> Stored:
    # locked as operators lock them to change a range (locations, then placements, by their ids), so that neither
    # writes over what the other has just set
    locked = select(Location).order_by(Location.id).with_for_update(key_share=True)
    locations = {row.id: row for row in (await session.execute(locked)).scalars()}
    if not locations:
        raise NoLocation("there is no location yet for workshops to run at; add one first")
    workshops = {row.notebook: row for row in (await session.execute(select(Workshop))).scalars()}
    placements: dict[int, list[Placement]] = defaultdict(list)
    query = select(Placement).order_by(Placement.id).with_for_update(key_share=True)
    for row in sorted((await session.execute(query)).scalars(), key=lambda row: (row.rank, row.id)):
        placements[row.workshop_id].append(row)
    return Stored(workshops, placements, locations, min(locations) if home is None else home)


def _unmounted(imported: ImportReport, report: SyncReport) -> Refusal:
    folder = imported.empty[0] if imported.empty else Path()
    lost = f"{len(report.retired)} {'workshop' if len(report.retired) == 1 else 'workshops'}"
    return Refusal(
        folder, None, f"holds no workshop, and {lost} would be retired: nothing is changed; mount its disk, or force it"
    )
