"""Tracking of faces, and smoothing of what is predicted for each person."""
