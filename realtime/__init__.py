"""Frames in, the mood of the room out: the stages in their order, one folder each."""
