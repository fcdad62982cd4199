"""``python -m wod_api_db.manage migrate`` and ``... seed FILE``: prepares the database of an installation."""

import argparse
import asyncio
import sys
from pathlib import Path

from wod_api_db.migrating import migrate
from wod_api_db.seeding import Seed, seed
from wod_api_db.settings import Settings
from wod_common.logs import configure_logging


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m wod_api_db.manage", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("migrate", help="bring the schema up to this release")
    seeding = actions.add_parser("seed", help="location, seats, accounts and workshops from a JSON file; repeatable")
    seeding.add_argument("file", type=Path)
    arguments = parser.parse_args()
    configure_logging("manage")
    settings = Settings()
    if arguments.action == "migrate":
        asyncio.run(migrate(settings))
    else:
        report = asyncio.run(seed(settings, Seed.model_validate_json(arguments.file.read_text())))
        for line in (*report.refusals, *report.notes):
            sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
