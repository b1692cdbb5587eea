"""What people look at: boxes, the group panel, privacy."""
