"""a placement's ready seats follow the demand, up to a maximum."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placements", sa.Column("ready_maximum", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint("placements_ready_maximum_is_not_negative", "placements", "ready_maximum >= 0")
    op.drop_index("placements_with_ready_seats", table_name="placements")
    op.create_index(
        "placements_with_ready_seats",
        "placements",
        ["id"],
        postgresql_where=sa.text("ready_minimum > 0 OR ready_maximum > 0"),
    )


def downgrade() -> None:
    op.drop_index("placements_with_ready_seats", table_name="placements")
    op.create_index("placements_with_ready_seats", "placements", ["id"], postgresql_where=sa.text("ready_minimum > 0"))
    op.drop_constraint("placements_ready_maximum_is_not_negative", "placements", type_="check")
    op.drop_column("placements", "ready_maximum")
