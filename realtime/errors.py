"""Errors that a user can do something about."""


class MoodstreamError(Exception):
    """Says in one line what is wrong and, where it can, what to do; shown without a traceback."""


class WeightsError(MoodstreamError):
    """A file of weights is missing, cannot be fetched, or is not the one it should be."""
