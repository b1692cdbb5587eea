"""Face detectors against labelled boxes."""
