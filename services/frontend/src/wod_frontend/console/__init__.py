"""The console: what operators and instructors see and do, under ``/console``."""
