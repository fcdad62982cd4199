"""SMTP in, commands out: the mail gate of one location."""
