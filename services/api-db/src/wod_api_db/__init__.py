"""The platform's data and rules: PostgreSQL, REST API, lifecycle worker, mail."""
