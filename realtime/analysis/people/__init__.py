"""People through time: tracking, the resolution of detection, the quality of faces."""
