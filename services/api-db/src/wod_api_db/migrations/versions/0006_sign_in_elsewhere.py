"""accounts for which the organisation's own sign-in service answers have no password."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("accounts", "password_hash", nullable=True)
    op.add_column("accounts", sa.Column("subject", sa.Text(), nullable=True))
    op.create_unique_constraint("accounts_subject_key", "accounts", ["subject"])


def downgrade() -> None:
    op.drop_constraint("accounts_subject_key", "accounts")
    op.drop_column("accounts", "subject")
    op.execute("UPDATE accounts SET password_hash = '' WHERE password_hash IS NULL")
    op.alter_column("accounts", "password_hash", nullable=False)
