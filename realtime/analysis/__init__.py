"""From detections to people, from people to the group."""
