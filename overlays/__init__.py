"""Drawing: boxes and labels, the group panel, hidden faces."""
