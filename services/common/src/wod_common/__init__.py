"""The language the services share: wire models, settings, tokens, HTTP, logs, metrics."""
