"""The few places that wire stages and threads together, and stop them."""
