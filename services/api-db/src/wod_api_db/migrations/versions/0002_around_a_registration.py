"""everything around a registration: several locations, pauses, badges, notices, audit, persons' data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

#: id, threshold, name, description: what the original gives too
_SPECIAL_BADGES = (
    (1, 3, "Apprentice", "Three different workshops finished."),
    (2, 5, "Expert", "Five different workshops finished."),
    (3, 7, "Hero", "Seven different workshops finished."),
    (4, 10, "Super Hero", "Ten different workshops finished."),
    (5, 15, "Legend", "Fifteen different workshops finished."),
)

#: no payload: whoever listens reads the whole catalogue, and notifications of one transaction are one
_NOTIFY_CATALOGUE = """
CREATE FUNCTION notify_catalogue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('catalogue', '');
    RETURN NULL;
END $$
"""
#: What the catalogue shows, and what room is counted from. A heartbeat changes other columns of its location.
_SHOWN = {
    "workshops": "INSERT OR UPDATE OR DELETE",
    "placements": "INSERT OR UPDATE OR DELETE",
    "pauses": "INSERT OR UPDATE OR DELETE",
    "locations": "INSERT OR DELETE OR UPDATE OF name, drained_at",
    "students": "INSERT OR DELETE OR UPDATE OF state, number, location_id",
    "registrations": "INSERT OR DELETE OR UPDATE OF placement_id, student_id, cleaned_at",
}


def upgrade() -> None:
    op.create_table(
        "special_badges",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("badge_img", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("threshold"),
    )
    op.create_table(
        "announcements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("workshop_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workshop_id"],
            ["workshops.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "pauses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("workshop_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.CheckConstraint("location_id IS NULL OR workshop_id IS NULL", name="pauses_have_one_scope"),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workshop_id"],
            ["workshops.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "pauses_one_per_scope",
        "pauses",
        ["location_id", "workshop_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_of_object", "audit", ["object_type", "object_id", "id"], unique=False)
    op.create_table(
        "badges",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("workshop_id", sa.Integer(), nullable=True),
        sa.Column("special_badge_id", sa.Integer(), nullable=True),
        sa.Column("registration_id", sa.BigInteger(), nullable=False),
        sa.Column("awarded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(workshop_id IS NULL) <> (special_badge_id IS NULL)", name="badges_are_of_a_workshop_or_special"
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["special_badge_id"],
            ["special_badges.id"],
        ),
        sa.ForeignKeyConstraint(
            ["workshop_id"],
            ["workshops.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_index("badges_of_registration", "badges", ["registration_id"], unique=False)
    op.create_index(
        "badges_one_of_each_special",
        "badges",
        ["email_key", "special_badge_id"],
        unique=True,
        postgresql_where=sa.text("special_badge_id IS NOT NULL"),
    )
    op.create_index(
        "badges_one_per_workshop",
        "badges",
        ["email_key", "workshop_id"],
        unique=True,
        postgresql_where=sa.text("workshop_id IS NOT NULL"),
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=True),
        sa.Column("registration_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mailed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.id"],
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("notices_mailed", "notices", ["mailed_at"], unique=False)
    op.create_index(
        "notices_of_registration",
        "notices",
        ["registration_id"],
        unique=False,
        postgresql_where=sa.text("registration_id IS NOT NULL"),
    )
    op.create_index("notices_to_mail", "notices", ["id"], unique=False, postgresql_where=sa.text("mailed_at IS NULL"))
    op.create_index("audit_of_account", "audit", ["username", "id"], unique=False)
    op.alter_column("commands", "registration_id", existing_type=sa.BIGINT(), nullable=True)
    op.drop_constraint("verb_is_known", "commands", type_="check")
    op.create_check_constraint(
        "verb_is_known",
        "commands",
        "verb IN ('CREATE', 'CLEANUP', 'RESET', 'PURGE', 'DELETE', 'PREPARE', 'VERIFY')",
    )
    op.add_column("students", sa.Column("prepared_placement_id", sa.Integer(), nullable=True))
    op.add_column("students", sa.Column("prepared_version", sa.Text(), nullable=True))
    op.add_column("students", sa.Column("prepared_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        "students_prepared_placement_id_fkey", "students", "placements", ["prepared_placement_id"], ["id"]
    )
    op.create_index(
        "students_prepared",
        "students",
        ["prepared_placement_id"],
        unique=False,
        postgresql_where=sa.text("prepared_placement_id IS NOT NULL"),
    )
    op.add_column("placements", sa.Column("ready_minimum", sa.Integer(), server_default="0", nullable=False))
    op.add_column("placements", sa.Column("ready_failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("placements", sa.Column("ready_retry_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("placements_ready_minimum_is_not_negative", "placements", "ready_minimum >= 0")
    op.create_index(
        "placements_with_ready_seats",
        "placements",
        ["id"],
        unique=False,
        postgresql_where=sa.text("ready_minimum > 0"),
    )
    op.add_column("accounts", sa.Column("tokens_valid_after", sa.DateTime(timezone=True), nullable=True))
    op.add_column("commands", sa.Column("first_student", sa.Integer(), nullable=True))
    op.add_column("commands", sa.Column("last_student", sa.Integer(), nullable=True))
    op.add_column("locations", sa.Column("proto", sa.Text(), server_default="https", nullable=False))
    op.add_column("locations", sa.Column("port", sa.Integer(), server_default="443", nullable=False))
    op.add_column(
        "locations",
        sa.Column(
            "transport",
            sa.Enum("smtp", "rest", name="transport_is_known", native_enum=False, create_constraint=True, length=20),
            server_default="smtp",
            nullable=False,
        ),
    )
    op.add_column("locations", sa.Column("agent_url", sa.Text(), server_default="", nullable=False))
    op.add_column("locations", sa.Column("sealed_agent_token", sa.Text(), nullable=True))
    op.add_column("locations", sa.Column("capabilities", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("locations", sa.Column("drained_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("locations", sa.Column("last_heartbeat_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("locations", sa.Column("steady_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("locations", sa.Column("unhealthy_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "locations", sa.Column("health", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.add_column(
        "mails", sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False)
    )
    op.create_index("mails_failed", "mails", ["created_at"], unique=False, postgresql_where=sa.text("state = 'failed'"))
    op.add_column("mails", sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("mails", "registration_id", existing_type=sa.BIGINT(), nullable=True)
    op.drop_constraint("mailstate_is_known", "mails", type_="check")
    op.create_check_constraint(
        "mailstate_is_known", "mails", "state IN ('queued', 'sending', 'sent', 'failed', 'withheld')"
    )
    op.create_index("mails_by_time", "mails", ["created_at", "id"], unique=False)
    op.create_index("mails_of_recipient", "mails", [sa.text("lower(recipient)")], unique=False)
    op.create_table(
        "mail_optouts",
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("email_key"),
    )
    op.add_column("placements", sa.Column("rank", sa.Integer(), server_default="0", nullable=False))
    op.add_column("placements", sa.Column("imported", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("placements", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("placements", sa.Column("reset_range", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column(
        "placements",
        sa.Column(
            "range_reset",
            sa.Enum(
                "waiting", "running", name="rangereset_is_known", native_enum=False, create_constraint=True, length=20
            ),
            nullable=True,
        ),
    )
    op.create_index(
        "placements_range_reset",
        "placements",
        ["id"],
        unique=False,
        postgresql_where=sa.text("range_reset IS NOT NULL"),
    )
    op.add_column("registrations", sa.Column("extensions", sa.Integer(), server_default="0", nullable=False))
    op.add_column("registrations", sa.Column("no_show_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("no_show_reminded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("first_login_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("end_reason", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("registrations", sa.Column("completion_so_far", sa.Integer(), nullable=True))
    op.add_column("registrations", sa.Column("idempotency_key", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("request_hash", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("pseudonymised_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("commands_in_order", "commands", ["created_at", "id"], unique=False)
    op.create_index("commands_of_location", "commands", ["location_id", "created_at", "id"], unique=False)
    op.create_index("commands_in_state", "commands", ["state", "created_at", "id"], unique=False)
    op.create_index("registrations_in_state", "registrations", ["state", "id"], unique=False)
    op.create_index("registrations_of_workshop", "registrations", ["workshop_id", "id"], unique=False)
    op.create_index("registrations_of_location", "registrations", ["location_id", "id"], unique=False)
    op.create_index("registrations_created", "registrations", ["created_at"], unique=False)
    op.create_index(
        "registrations_idempotency",
        "registrations",
        ["idempotency_key"],
        unique=True,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "registrations_no_show",
        "registrations",
        ["no_show_at"],
        unique=False,
        postgresql_where=sa.text("no_show_at IS NOT NULL AND state IN ('running', 'expiring')"),
    )
    op.create_index(
        "registrations_idempotency_age",
        "registrations",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_index(
        "registrations_erasing",
        "registrations",
        ["id"],
        unique=False,
        postgresql_where=sa.text("pseudonymised_at IS NULL AND email = ''"),
    )
    op.create_index("registrations_person", "registrations", ["email_key"], unique=False)
    op.create_index("registrations_of_seat", "registrations", ["student_id"], unique=False)
    op.create_index(
        "registrations_retention",
        "registrations",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("pseudonymised_at IS NULL AND ended_at IS NOT NULL"),
    )
    op.add_column("workshops", sa.Column("hooks", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("workshops", sa.Column("pre_requisite", sa.Text(), server_default="", nullable=False))
    op.add_column("workshops", sa.Column("extensions", sa.Integer(), server_default="1", nullable=False))
    op.add_column("workshops", sa.Column("extension", sa.Interval(), nullable=True))
    op.add_column("workshops", sa.Column("no_show", sa.Interval(), nullable=True))

    table = sa.table(
        "special_badges", *(sa.column(name) for name in ("id", "threshold", "name", "title", "description"))
    )
    rows = [
        {
            "id": number,
            "threshold": threshold,
            "name": name,
            "title": f"Workshops-on-Demand {name}",
            "description": text,
        }
        for number, threshold, name, text in _SPECIAL_BADGES
    ]
    op.bulk_insert(table, rows)

    op.execute(_NOTIFY_CATALOGUE)
    for name, acts in _SHOWN.items():
        op.execute(f"CREATE TRIGGER {name}_notify_catalogue AFTER {acts} ON {name} EXECUTE FUNCTION notify_catalogue()")


def downgrade() -> None:
    for name in _SHOWN:
        op.execute(f"DROP TRIGGER {name}_notify_catalogue ON {name}")
    op.execute("DROP FUNCTION notify_catalogue()")
    op.drop_index("placements_with_ready_seats", table_name="placements", postgresql_where=sa.text("ready_minimum > 0"))
    op.drop_constraint("placements_ready_minimum_is_not_negative", "placements", type_="check")
    op.drop_column("placements", "ready_retry_at")
    op.drop_column("placements", "ready_failures")
    op.drop_column("placements", "ready_minimum")
    op.drop_index(
        "students_prepared",
        table_name="students",
        postgresql_where=sa.text("prepared_placement_id IS NOT NULL"),
    )
    op.drop_constraint("students_prepared_placement_id_fkey", "students", type_="foreignkey")
    op.drop_column("students", "prepared_at")
    op.drop_column("students", "prepared_version")
    op.drop_column("students", "prepared_placement_id")
    # what no registration has asked for is unknown to the release before
    op.execute("DELETE FROM command_events WHERE command_id IN (SELECT id FROM commands WHERE registration_id IS NULL)")
    op.execute("DELETE FROM commands WHERE registration_id IS NULL")
    op.drop_constraint("verb_is_known", "commands", type_="check")
    op.create_check_constraint("verb_is_known", "commands", "verb IN ('CREATE', 'CLEANUP', 'RESET', 'PURGE', 'DELETE')")
    op.alter_column("commands", "registration_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("workshops", "no_show")
    op.drop_column("workshops", "extension")
    op.drop_column("workshops", "extensions")
    op.drop_column("workshops", "pre_requisite")
    op.drop_column("workshops", "hooks")
    op.drop_index(
        "registrations_retention",
        table_name="registrations",
        postgresql_where=sa.text("pseudonymised_at IS NULL AND ended_at IS NOT NULL"),
    )
    op.drop_index("registrations_of_seat", table_name="registrations")
    op.drop_index("registrations_person", table_name="registrations")
    op.drop_index(
        "registrations_erasing",
        table_name="registrations",
        postgresql_where=sa.text("pseudonymised_at IS NULL AND email = ''"),
    )
    op.drop_index(
        "registrations_idempotency_age",
        table_name="registrations",
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.drop_index(
        "registrations_no_show",
        table_name="registrations",
        postgresql_where=sa.text("no_show_at IS NOT NULL AND state IN ('running', 'expiring')"),
    )
    op.drop_index(
        "registrations_idempotency", table_name="registrations", postgresql_where=sa.text("idempotency_key IS NOT NULL")
    )
    op.drop_index("registrations_of_location", table_name="registrations")
    op.drop_index("registrations_of_workshop", table_name="registrations")
    op.drop_index("registrations_in_state", table_name="registrations")
    op.drop_index("commands_in_state", table_name="commands")
    op.drop_index("commands_of_location", table_name="commands")
    op.drop_index("commands_in_order", table_name="commands")
    op.drop_index("registrations_created", table_name="registrations")
    op.drop_column("registrations", "pseudonymised_at")
    op.drop_column("registrations", "request_hash")
    op.drop_column("registrations", "idempotency_key")
    op.drop_column("registrations", "completion_so_far")
    op.drop_column("registrations", "corrected_at")
    op.drop_column("registrations", "end_reason")
    op.drop_column("registrations", "first_login_at")
    op.drop_column("registrations", "no_show_reminded_at")
    op.drop_column("registrations", "no_show_at")
    op.drop_column("registrations", "extensions")
    op.drop_index(
        "placements_range_reset", table_name="placements", postgresql_where=sa.text("range_reset IS NOT NULL")
    )
    op.drop_column("placements", "range_reset")
    op.drop_column("placements", "reset_range")
    op.drop_column("placements", "closed_at")
    op.drop_column("placements", "imported")
    op.drop_column("placements", "rank")
    op.drop_table("mail_optouts")
    op.drop_index("mails_of_recipient", table_name="mails")
    op.drop_index("mails_by_time", table_name="mails")
    op.execute("UPDATE mails SET state = 'failed' WHERE state = 'withheld'")
    op.drop_constraint("mailstate_is_known", "mails", type_="check")
    op.create_check_constraint("mailstate_is_known", "mails", "state IN ('queued', 'sending', 'sent', 'failed')")
    op.execute("DELETE FROM mails WHERE registration_id IS NULL")
    op.alter_column("mails", "registration_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("mails", "bounced_at")
    op.drop_index("mails_failed", table_name="mails", postgresql_where=sa.text("state = 'failed'"))
    op.drop_column("mails", "data")
    op.drop_column("locations", "health")
    op.drop_column("locations", "unhealthy_since")
    op.drop_column("locations", "steady_since")
    op.drop_column("locations", "last_heartbeat_at")
    op.drop_column("locations", "drained_at")
    op.drop_column("locations", "capabilities")
    op.drop_column("locations", "sealed_agent_token")
    op.drop_column("locations", "agent_url")
    op.drop_column("locations", "transport")
    op.drop_column("locations", "port")
    op.drop_column("locations", "proto")
    op.drop_column("commands", "last_student")
    op.drop_index(
        "notices_of_registration", table_name="notices", postgresql_where=sa.text("registration_id IS NOT NULL")
    )
    op.drop_column("commands", "first_student")
    op.drop_column("accounts", "tokens_valid_after")
    op.drop_index("audit_of_account", table_name="audit")
    op.drop_index("notices_mailed", table_name="notices")
    op.drop_index("notices_to_mail", table_name="notices", postgresql_where=sa.text("mailed_at IS NULL"))
    op.drop_table("notices")
    op.drop_index("badges_one_per_workshop", table_name="badges", postgresql_where=sa.text("workshop_id IS NOT NULL"))
    op.drop_index(
        "badges_one_of_each_special", table_name="badges", postgresql_where=sa.text("special_badge_id IS NOT NULL")
    )
    op.drop_index("badges_of_registration", table_name="badges")
    op.drop_table("badges")
    op.drop_index("audit_of_object", table_name="audit")
    op.drop_table("audit")
    op.drop_index("pauses_one_per_scope", table_name="pauses", postgresql_nulls_not_distinct=True)
    op.drop_table("pauses")
    op.drop_table("announcements")
    op.drop_table("special_badges")
