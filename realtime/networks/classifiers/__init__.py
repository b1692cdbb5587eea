"""Emotion classifiers, one file each, and what prepares faces for them."""
