"""Timelines on disk: rows, tables, the store of live runs."""
