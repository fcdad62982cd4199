"""Runs the commands of one location beside its JupyterHub."""
