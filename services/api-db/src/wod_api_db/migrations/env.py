"""Alembic's entry: runs the migrations on the connection that ``wod_api_db.manage`` hands over."""

from alembic import context
from sqlalchemy import Connection

from wod_api_db.models import Base

connection: Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    include_name=lambda name, kind, _: kind != "table" or name in Base.metadata.tables,
)
with context.begin_transaction():
    context.run_migrations()
