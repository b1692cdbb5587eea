"""The report of a recording: one page, its figures and its summary."""
