"""Group photos: who is in them, how well each face can be seen, and what the group shows."""
