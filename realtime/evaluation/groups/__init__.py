"""Group distributions against groups of known composition."""
