"""What is drawn, recorded, reported and served."""
