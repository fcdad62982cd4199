"""The platform's data and rules: PostgreSQL, REST API, lifecycle worker, mail."""

__version__ = "0.1.0"
