"""Emotion networks against labels."""
