"""Sample footage: what it is, where it comes from, and the demo meeting built from it."""
