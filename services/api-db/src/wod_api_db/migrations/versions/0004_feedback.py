"""what a person thinks of a workshop, and whether his badge tells his name."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="feedback_rating_is_a_rating"),
        sa.ForeignKeyConstraint(["registration_id"], ["registrations.id"]),
        sa.PrimaryKeyConstraint("registration_id"),
    )
    op.create_index("feedback_by_time", "feedback", ["given_at", "registration_id"])
    op.add_column("badges", sa.Column("shown_name", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("badges", "shown_name")
    op.drop_table("feedback")
