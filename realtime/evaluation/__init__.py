"""How right the figures are, measured on labelled data."""
