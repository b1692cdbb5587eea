"""Sets of photos: faces, groups, tables and contact sheets."""
