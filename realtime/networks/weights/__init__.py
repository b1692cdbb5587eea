"""Files of weights: which there are, where they lie, how they are downloaded and verified."""
