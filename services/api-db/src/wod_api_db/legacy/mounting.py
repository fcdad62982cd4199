"""The original's REST surface under ``/api``: an adapter over our services, without rules of its own."""

from fastapi import FastAPI

from wod_api_db.legacy import catalogue, customers, extras, places, students, users
from wod_api_db.legacy.answers import add_answer_handler


def mount_legacy(app: FastAPI) -> None:
    add_answer_handler(app)
    for part in (users, catalogue, customers, students, places, extras):
        app.include_router(part.router)
