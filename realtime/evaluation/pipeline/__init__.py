"""Detector and classifier together against labelled photos."""
