"""Detectors and emotion classifiers: by name, by file, and ready to run."""
