"""The group's distribution over a rolling window, and when it shifts."""
