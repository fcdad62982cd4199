"""finds the oldest reports that still hold what a command has printed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "command_events_with_output", "command_events", ["received_at"], postgresql_where=sa.text("data ? 'output'")
    )


def downgrade() -> None:
    op.drop_index("command_events_with_output", "command_events")
