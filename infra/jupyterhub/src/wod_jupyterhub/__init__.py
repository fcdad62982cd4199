"""What a location's JupyterHub needs of the platform: sign-in by the agent, seats, eviction."""
