"""Detector and classifier together on labelled photos."""
