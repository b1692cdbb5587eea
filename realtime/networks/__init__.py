"""A network asked for by name, and one that runs."""
