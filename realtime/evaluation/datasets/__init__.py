"""Labelled faces from folders, tables and archives."""
