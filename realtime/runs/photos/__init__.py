"""Sets of photos: faces, groups, tables and sheets."""
