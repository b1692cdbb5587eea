"""The distribution of a group over a rolling window, and its shifts."""
