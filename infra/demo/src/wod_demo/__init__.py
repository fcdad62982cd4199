"""The whole platform on one machine, with nothing to set up."""
