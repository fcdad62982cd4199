"""the platform's tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: the payload is the id alone: whoever listens reads the rows
_FUNCTION = """
CREATE FUNCTION notify_registration_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('registration_events', NEW.registration_id::text);
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER registration_events_notify AFTER INSERT ON registration_events
    FOR EACH ROW EXECUTE FUNCTION notify_registration_event()
"""


def upgrade() -> None:
    op.create_table(
        "locations",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fqdn", sa.Text(), nullable=False),
        sa.Column("basestdid", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("gate_host", sa.Text(), nullable=False),
        sa.Column("gate_port", sa.Integer(), server_default="10025", nullable=False),
        sa.Column("admin_user", sa.Text(), server_default="wodadmin", nullable=False),
        sa.Column("hub_url", sa.Text(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(basestdid + 1, basestdid + seats + 1)"), "&&"),
            using="gist",
            name="locations_seats_do_not_overlap",
        ),
        sa.CheckConstraint("basestdid >= 0 AND seats >= 0", name="locations_seats_are_counted_from_zero"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "workshops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notebook", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reset", sa.Boolean(), nullable=False),
        sa.Column("ldap", sa.Boolean(), nullable=False),
        sa.Column("varpass", sa.Boolean(), nullable=False),
        sa.Column("compile", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("replay_id", sa.Integer(), nullable=True),
        sa.Column("replay_link", sa.Text(), nullable=False),
        sa.Column("workshop_img", sa.Text(), nullable=False),
        sa.Column("badge_img", sa.Text(), nullable=False),
        sa.Column("beta", sa.Boolean(), nullable=False),
        sa.Column("category", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("duration", sa.Interval(), nullable=False),
        sa.Column("presenter", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("avatar", sa.Text(), nullable=False),
        sa.Column("monoappliance", sa.Boolean(), nullable=False),
        sa.Column("multiappliance", sa.Boolean(), nullable=False),
        sa.Column("session_type", sa.Text(), nullable=False),
        sa.Column("alternate_location", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("notebook"),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "user",
                "moderator",
                "admin",
                "agent",
                name="role_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(role = 'agent') = (location_id IS NOT NULL)", name="accounts_agents_have_a_location"),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("username"),
    )
    op.create_table(
        "placements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workshop_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("first_seat", sa.Integer(), nullable=False),
        sa.Column("last_seat", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.CheckConstraint("capacity >= 0", name="placements_capacity_is_not_negative"),
        sa.CheckConstraint("first_seat BETWEEN 1 AND last_seat", name="placements_range_is_in_order"),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workshop_id"],
            ["workshops.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workshop_id", "location_id"),
    )
    op.create_table(
        "students",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "free",
                "preparing",
                "ready",
                "assigned",
                "cleaning",
                "resetting",
                "broken",
                name="studentstate_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="free",
            nullable=False,
        ),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sealed_password", sa.Text(), nullable=True),
        sa.CheckConstraint("number >= 1", name="students_count_from_one"),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("location_id", "number"),
    )
    op.create_table(
        "registrations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "offered",
                "registered",
                "deploying",
                "running",
                "expiring",
                "ended",
                "failed",
                "cancelled",
                name="registrationstate_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("workshop_id", sa.Integer(), nullable=False),
        sa.Column("placement_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("terms_version", sa.Text(), nullable=False),
        sa.Column("terms_accepted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("link_nonce", sa.Text(), nullable=False),
        sa.Column("duration", sa.Interval(), nullable=False),
        sa.Column("range_first", sa.Integer(), nullable=False),
        sa.Column("content_version", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("stuck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expiring_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("completion", sa.Integer(), nullable=True),
        sa.Column("cleaned_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["placement_id"],
            ["placements.id"],
        ),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workshop_id"],
            ["workshops.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "registrations_ending",
        "registrations",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('running', 'expiring')"),
    )
    op.create_index(
        "registrations_expiring",
        "registrations",
        ["expiring_at"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "registrations_one_per_address",
        "registrations",
        ["email_key"],
        unique=True,
        postgresql_where=sa.text("state IN ('registered', 'deploying', 'running', 'expiring')"),
    )
    op.create_index(
        "registrations_one_per_seat",
        "registrations",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("cleaned_at IS NULL AND student_id IS NOT NULL"),
    )
    op.create_index(
        "registrations_one_wait_per_address_and_workshop",
        "registrations",
        ["email_key", "workshop_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('waiting', 'offered')"),
    )
    op.create_index(
        "registrations_stuck",
        "registrations",
        ["stuck_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('registered', 'deploying')"),
    )
    op.create_index(
        "registrations_uncleaned",
        "registrations",
        ["placement_id"],
        unique=False,
        postgresql_where=sa.text("cleaned_at IS NULL AND student_id IS NOT NULL"),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("student_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column(
            "verb",
            sa.Enum(
                "CREATE",
                "CLEANUP",
                "RESET",
                "PURGE",
                "DELETE",
                name="verb_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("workshop", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sent",
                "accepted",
                "running",
                "done",
                "failed",
                "superseded",
                name="commandstate_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="queued",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("student_id", "generation", "sequence"),
    )
    op.create_index(
        "commands_due",
        "commands",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sent', 'accepted', 'running')"),
    )
    op.create_index("commands_of_registration", "commands", ["registration_id"], unique=False)
    op.create_index(
        "commands_one_outstanding_per_seat",
        "commands",
        ["student_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'sent', 'accepted', 'running')"),
    )
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("dedup_key", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "failed",
                name="mailstate_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            server_default="queued",
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedup_key"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index(
        "mails_due", "mails", ["due_at"], unique=False, postgresql_where=sa.text("state IN ('queued', 'sending')")
    )
    op.create_index("mails_of_registration", "mails", ["registration_id"], unique=False)
    op.create_table(
        "registration_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "offered",
                "registered",
                "deploying",
                "running",
                "expiring",
                "ended",
                "failed",
                "cancelled",
                name="registrationstate_is_known",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("registration_events_story", "registration_events", ["registration_id", "id"], unique=False)
    op.create_table(
        "command_events",
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["command_id"],
            ["commands.id"],
        ),
        sa.PrimaryKeyConstraint("command_id", "number"),
    )
    op.execute(_FUNCTION)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP FUNCTION notify_registration_event() CASCADE")
    op.drop_table("command_events")
    op.drop_index("registration_events_story", table_name="registration_events")
    op.drop_table("registration_events")
    op.drop_index("mails_of_registration", table_name="mails")
    op.drop_index("mails_due", table_name="mails", postgresql_where=sa.text("state IN ('queued', 'sending')"))
    op.drop_table("mails")
    op.drop_index(
        "commands_one_outstanding_per_seat",
        table_name="commands",
        postgresql_where=sa.text("state IN ('queued', 'sent', 'accepted', 'running')"),
    )
    op.drop_index("commands_of_registration", table_name="commands")
    op.drop_index(
        "commands_due",
        table_name="commands",
        postgresql_where=sa.text("state IN ('queued', 'sent', 'accepted', 'running')"),
    )
    op.drop_table("commands")
    op.drop_index(
        "registrations_uncleaned",
        table_name="registrations",
        postgresql_where=sa.text("cleaned_at IS NULL AND student_id IS NOT NULL"),
    )
    op.drop_index(
        "registrations_stuck",
        table_name="registrations",
        postgresql_where=sa.text("state IN ('registered', 'deploying')"),
    )
    op.drop_index(
        "registrations_one_wait_per_address_and_workshop",
        table_name="registrations",
        postgresql_where=sa.text("state IN ('waiting', 'offered')"),
    )
    op.drop_index(
        "registrations_one_per_seat",
        table_name="registrations",
        postgresql_where=sa.text("cleaned_at IS NULL AND student_id IS NOT NULL"),
    )
    op.drop_index(
        "registrations_one_per_address",
        table_name="registrations",
        postgresql_where=sa.text("state IN ('registered', 'deploying', 'running', 'expiring')"),
    )
    op.drop_index("registrations_expiring", table_name="registrations", postgresql_where=sa.text("state = 'running'"))
    op.drop_index(
        "registrations_ending", table_name="registrations", postgresql_where=sa.text("state IN ('running', 'expiring')")
    )
    op.drop_table("registrations")
    op.drop_table("students")
    op.drop_table("placements")
    op.drop_table("accounts")
    op.drop_table("workshops")
    op.drop_table("workers")
    op.drop_table("locations")
