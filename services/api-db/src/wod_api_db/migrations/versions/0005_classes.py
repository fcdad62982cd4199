"""classes: seats booked for a time, their invitations, and who takes part."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BOOKED = sa.text("ended_at IS NULL")
_ROLES = "role IN ('user', 'moderator', 'admin', 'agent')"
_WITH_INSTRUCTORS = "role IN ('user', 'instructor', 'moderator', 'admin', 'agent')"
#: what the room is counted from
_SHOWN = "INSERT OR DELETE OR UPDATE OF seats, speaker_seat, deploy_from, ends_at, held_at, ended_at"
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.drop_constraint("role_is_known", "accounts", type_="check")
    op.create_check_constraint("role_is_known", "accounts", _WITH_INSTRUCTORS)
    op.create_table(
        "classes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("instructor", sa.Text(), nullable=False),
        sa.Column("workshop_id", sa.Integer(), nullable=False),
        sa.Column("placement_id", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("speaker_seat", sa.Boolean(), nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.Column("opens_at", _TIME, nullable=False),
        sa.Column("deploy_from", _TIME, nullable=False),
        sa.Column("measured_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("held_at", _TIME, nullable=True),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("seats >= 1", name="classes_have_a_seat"),
        sa.CheckConstraint("starts_at < ends_at", name="classes_begin_before_they_end"),
        sa.CheckConstraint("deploy_from <= opens_at AND opens_at <= starts_at", name="classes_open_before_they_begin"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["workshop_id"], ["workshops.id"]),
        sa.ForeignKeyConstraint(["placement_id"], ["placements.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("classes_booked", "classes", ["placement_id"], unique=False, postgresql_where=_BOOKED)
    op.create_index("classes_ending", "classes", ["ends_at"], unique=False, postgresql_where=_BOOKED)
    op.create_index("classes_of_account", "classes", ["account_id", "id"], unique=False)
    op.create_table(
        "class_invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["classes.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("class_id", "email_key"),
    )
    op.create_index("class_invitations_of_person", "class_invitations", ["email_key"], unique=False)
    op.add_column("mails", sa.Column("invitation_id", sa.Integer(), nullable=True))
    op.create_foreign_key(
        "mails_invitation_id_fkey", "mails", "class_invitations", ["invitation_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(
        "mails_of_invitation",
        "mails",
        ["invitation_id"],
        unique=False,
        postgresql_where=sa.text("invitation_id IS NOT NULL"),
    )
    op.add_column("registrations", sa.Column("class_id", sa.Integer(), nullable=True))
    op.add_column("registrations", sa.Column("class_ends_at", _TIME, nullable=True))
    op.add_column("registrations", sa.Column("speaks", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("registrations", sa.Column("help_wanted_at", _TIME, nullable=True))
    op.create_foreign_key("registrations_class_id_fkey", "registrations", "classes", ["class_id"], ["id"])
    op.create_index(
        "registrations_of_class",
        "registrations",
        ["class_id", "id"],
        unique=False,
        postgresql_where=sa.text("class_id IS NOT NULL"),
    )
    op.create_index(
        "commands_prepared",
        "commands",
        ["location_id", "finished_at"],
        unique=False,
        postgresql_where=sa.text("verb = 'PREPARE' AND state = 'done'"),
    )
    op.execute(f"CREATE TRIGGER classes_notify_catalogue AFTER {_SHOWN} ON classes EXECUTE FUNCTION notify_catalogue()")


def downgrade() -> None:
    op.drop_index(
        "commands_prepared", table_name="commands", postgresql_where=sa.text("verb = 'PREPARE' AND state = 'done'")
    )
    op.drop_index(
        "registrations_of_class", table_name="registrations", postgresql_where=sa.text("class_id IS NOT NULL")
    )
    for column in ("help_wanted_at", "speaks", "class_ends_at", "class_id"):
        op.drop_column("registrations", column)
    # the release before takes every mail without a registration for one to the operator
    op.execute("DELETE FROM mails WHERE data ? 'class_id'")
    op.drop_index("mails_of_invitation", table_name="mails", postgresql_where=sa.text("invitation_id IS NOT NULL"))
    op.drop_column("mails", "invitation_id")
    op.drop_table("class_invitations")
    op.drop_table("classes")
    op.execute("UPDATE accounts SET role = 'user' WHERE role = 'instructor'")
    op.drop_constraint("role_is_known", "accounts", type_="check")
    op.create_check_constraint("role_is_known", "accounts", _ROLES)
