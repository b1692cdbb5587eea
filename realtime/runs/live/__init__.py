"""Live sources: scheduling, presentation, recording."""
