"""From detections to people, and from people to the group."""
