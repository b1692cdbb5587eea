"""Who is who, and how each one feels over time."""
