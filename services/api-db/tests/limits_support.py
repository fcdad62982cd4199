"""Callers from addresses of their own, who register."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

FORM = {"workshop": "WKSHP-API101", "name": "Ada", "terms_version": "1"}


@asynccontextmanager
async def behind(app: FastAPI, peer: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client whose connection comes from ``peer``."""
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


async def register(client: httpx.AsyncClient, number: int, forwarded: str | None = None) -> httpx.Response:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    form = FORM | {"email": f"ada{number}@example.org"}
    return await client.post("/api/v1/registrations", json=form, headers=headers)
