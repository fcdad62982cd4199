"""``python -m wod_api_db.manage`` and ``migrate``, ``seed FILE``, ``sync FOLDER...``, ``reseal``, ``backup FILE`` or ``restore FILE``."""

import argparse
import asyncio
import sys
from pathlib import Path
from zipfile import BadZipFile

from wod_api_db.audit.models import AuditEntry
from wod_api_db.backing_up import CannotRestore, backup, restore
from wod_api_db.db import make_engine, make_sessions
from wod_api_db.migrating import CannotMigrate, migrate
from wod_api_db.resealing import reseal
from wod_api_db.seeding import Seed, seed
from wod_api_db.settings import Settings
from wod_api_db.workshops.sync_report import SyncReport
from wod_api_db.workshops.synchronising import NoLocation, SyncRuns, lock, synchronise
from wod_common.logs import configure_logging


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wod_api_db.manage", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("migrate", help="bring the schema up to this release")
    actions.add_parser("reseal", help="passwords and tokens at rest under the new secret, while two are taken")
    saving = actions.add_parser("backup", help="all rows into a new file, which only its owner can read")
    saving.add_argument("file", type=Path)
    restoring = actions.add_parser("restore", help="a backup into a new database")
    restoring.add_argument("file", type=Path)
    seeding = actions.add_parser("seed", help="location, seats, accounts and workshops from a JSON file; repeatable")
    seeding.add_argument("file", type=Path)
    syncing = actions.add_parser(
        "sync",
        help="bring in the workshops of the content folders, and retire those that are gone",
        description="Prints what is created, changed, retired and refused. Exit code 1 when anything was refused.",
    )
    syncing.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="by default those of WOD_API_CONTENT")
    syncing.add_argument("--dry-run", action="store_true", help="print the difference and change nothing")
    syncing.add_argument(
        "--force", action="store_true", help="retire workshops even where a folder is missing or empty"
    )
    return parser


async def _sync(settings: Settings, folders: list[Path], *, dry_run: bool, force: bool) -> SyncReport:
    engine = make_engine(settings, pool_size=1)
    try:
        async with make_sessions(engine).begin() as session:
            await lock(session)
            report = await synchronise(session, folders, dry_run=dry_run, force=force)
            if report.applied:
                entry = AuditEntry(username="manage", action="workshop.sync", object_type="workshop", object_id="*")
                entry.data = report.summary()
                session.add(entry)
            return report
    finally:
        await engine.dispose()


def sync(settings: Settings, arguments: argparse.Namespace) -> int:
    """The exit code: 0 where all is well, 1 where something was refused, 2 where nothing could be tried."""
    folders = arguments.folders or settings.content_folders
    if not folders:
        sys.stderr.write("no content folder: name one, or set WOD_API_CONTENT\n")
        return 2
    try:
        report = asyncio.run(_sync(settings, folders, dry_run=arguments.dry_run, force=arguments.force))
    except (SyncRuns, NoLocation) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in report.lines())
    return 1 if report.refused else 0


def save(settings: Settings, arguments: argparse.Namespace) -> int:
    act = backup if arguments.action == "backup" else restore
    try:
        asyncio.run(act(settings, arguments.file))
    except (CannotMigrate, CannotRestore, OSError, BadZipFile) as error:
        sys.stderr.write(f"{arguments.file}: {error}\n")
        return 1
    return 0


def upgrade(settings: Settings) -> int:
    try:
        asyncio.run(migrate(settings))
    except CannotMigrate as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def main() -> int:
    arguments = _parser().parse_args()
    configure_logging("manage")
    settings = Settings()
    if arguments.action == "sync":
        return sync(settings, arguments)
    if arguments.action in {"backup", "restore"}:
        return save(settings, arguments)
    if arguments.action == "migrate":
        return upgrade(settings)
    if arguments.action == "reseal":
        sys.stdout.write(f"{asyncio.run(reseal(settings))} secrets are under the new secret\n")
    else:
        report = asyncio.run(seed(settings, Seed.model_validate_json(arguments.file.read_text())))
        for remark in (*report.refused, *report.notes):
            sys.stderr.write(f"{remark}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
