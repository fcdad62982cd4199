"""the waiting list: rows without a seat, offers, and the line of a location."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SEAT = (
    ("placement_id", sa.Integer()),
    ("location_id", sa.Integer()),
    ("generation", sa.Integer()),
    ("range_first", sa.Integer()),
)
_CHECKS = {
    "registrations_have_a_place_once_registered": (
        "state IN ('waiting', 'offered', 'cancelled') OR "
        "num_nulls(placement_id, location_id, generation, range_first) = 0"
    ),
    "registrations_that_wait_do_so_since_and_until": (
        "state <> 'waiting' OR (placement_id IS NULL AND waiting_since IS NOT NULL AND wait_ends_at IS NOT NULL)"
    ),
    "registrations_are_offered_a_place_until": (
        "(state = 'offered') = (offer_ends_at IS NOT NULL) AND (state <> 'offered' OR placement_id IS NOT NULL)"
    ),
}
#: name, table, columns, of which rows
_INDEXES = (
    ("registrations_line", "registrations", ["workshop_id", "waiting_since", "id"], "state IN ('waiting')"),
    ("registrations_wait_ending", "registrations", ["wait_ends_at"], "state IN ('waiting')"),
    ("registrations_offered", "registrations", ["placement_id", "offer_ends_at"], "state IN ('offered')"),
    ("registrations_line_moved", "registrations", ["workshop_id", "offered_at"], "offered_at IS NOT NULL"),
    ("registrations_waited", "registrations", ["waiting_since"], "waiting_since IS NOT NULL"),
    (
        "commands_creates_outstanding",
        "commands",
        ["location_id", "created_at", "id"],
        "verb = 'CREATE' AND state IN ('queued', 'sent', 'accepted', 'running')",
    ),
    ("commands_creates_done", "commands", ["location_id", "finished_at"], "verb = 'CREATE' AND state = 'done'"),
)
#: The card says how many wait, too: who leaves the line has no ``wait_ends_at`` any more.
_SHOWN = "placement_id, student_id, cleaned_at"


def upgrade() -> None:
    for name, kind in _SEAT:
        op.alter_column("registrations", name, existing_type=kind, nullable=True)
    for name in ("waiting_since", "wait_ends_at", "offered_at", "offer_ends_at"):
        op.add_column("registrations", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("offer_limit", sa.Interval(), nullable=True))
    for name, condition in _CHECKS.items():
        op.create_check_constraint(name, "registrations", condition)
    for name, table, columns, condition in _INDEXES:
        op.create_index(name, table, columns, postgresql_where=sa.text(condition))
    _notify_of(f"{_SHOWN}, wait_ends_at")


def downgrade() -> None:
    """Who waits has no place in the older schema: those rows go, with all that hangs on them."""
    _notify_of(_SHOWN)
    for name, table, _, condition in _INDEXES:
        op.drop_index(name, table_name=table, postgresql_where=sa.text(condition))
    for name in _CHECKS:
        op.drop_constraint(name, "registrations", type_="check")
    for table in ("registration_events", "mails", "notices"):
        op.execute(
            f"DELETE FROM {table} WHERE registration_id IN (SELECT id FROM registrations WHERE student_id IS NULL)"  # noqa: S608 - names of ours
        )
    op.execute("DELETE FROM registrations WHERE student_id IS NULL")
    for name in ("waiting_since", "wait_ends_at", "offered_at", "offer_ends_at", "offer_limit"):
        op.drop_column("registrations", name)
    for name, kind in _SEAT:
        op.alter_column("registrations", name, existing_type=kind, nullable=False)


def _notify_of(columns: str) -> None:
    op.execute("DROP TRIGGER registrations_notify_catalogue ON registrations")
    op.execute(
        f"CREATE TRIGGER registrations_notify_catalogue AFTER INSERT OR DELETE OR UPDATE OF {columns} "
        "ON registrations EXECUTE FUNCTION notify_catalogue()"
    )
