"""A recorded video from its file to its folder of results."""
