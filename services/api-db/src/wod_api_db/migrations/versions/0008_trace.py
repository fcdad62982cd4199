"""the id of the click that a registration comes from, for the logs."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("registrations", sa.Column("trace", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("registrations", "trace")
