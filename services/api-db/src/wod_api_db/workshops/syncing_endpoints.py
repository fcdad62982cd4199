"""Synchronising the workshops with the content folders, over REST."""

from typing import Annotated

from fastapi import APIRouter, Query

from wod_api_db.accounts.dependencies import Admin
from wod_api_db.app_state import SettingsDep
from wod_api_db.audit.service import record
from wod_api_db.db import SessionDep
from wod_api_db.workshops.sync_report import SyncReport
from wod_api_db.workshops.synchronising import NoLocation, SyncRuns, lock, synchronise
from wod_common.problems import Conflict, Forbidden, Unauthorized, responses

router = APIRouter(prefix="/api/v1/workshops", tags=["workshops"])


@router.post("/sync", responses=responses(Unauthorized, Forbidden, Conflict))
async def sync_workshops(
    session: SessionDep,
    settings: SettingsDep,
    claims: Admin,
    dry_run: Annotated[bool, Query(description="Answer the difference and change nothing")] = False,
    force: Annotated[
        bool, Query(description="Retire workshops even where a content folder is missing or empty")
    ] = False,
) -> SyncReport:
    """Brings in the workshops of the content folders that ``WOD_API_CONTENT`` names, and retires those that are gone.

    One bad workshop never stops the others: it is ``refused`` with file, line and reason, and stays as it was stored.
    """
    if not settings.content_folders:
        raise Conflict("no content folder is set; set WOD_API_CONTENT to the folders, separated by colons")
    try:
        await lock(session)
        report = await synchronise(session, settings.content_folders, dry_run=dry_run, force=force)
    except (SyncRuns, NoLocation) as error:
        raise Conflict(str(error)) from error
    await record(session, claims, "workshop.sync", "workshop", "*", **report.summary())
    return report
