"""the last seat of a placement may be the speaker's."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "placements", sa.Column("speaker_seat", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint(
        "placements_speaker_is_not_alone", "placements", "first_seat < last_seat OR NOT speaker_seat"
    )


def downgrade() -> None:
    op.drop_constraint("placements_speaker_is_not_alone", "placements", type_="check")
    op.drop_column("placements", "speaker_seat")
