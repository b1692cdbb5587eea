"""Files of weights: known, found, downloaded, verified."""
