"""Errors that a user can do something about."""


class MoodstreamError(Exception):
    """Says in one line what is wrong and, where it can, what to do; shown without a traceback."""


class WeightsError(MoodstreamError):
    """A file of weights is missing, cannot be fetched, or is not the one it should be."""


class EndOfSourceError(MoodstreamError):
    """A recording that has been read to its end."""


class SourceGoneError(MoodstreamError):
    """A source that does not answer now, but may do so later."""


class SourceRefusedError(MoodstreamError):
    """A source that will not work as it was given; ``denied``: for want of the right password."""

    def __init__(self, message: str, denied: bool = False) -> None:
        super().__init__(message)
        self.denied = denied


class SourceError(MoodstreamError):
    """A source that cannot be read."""


class UnreadableError(Exception):
    """Why a picture cannot be read, in a few words."""


class NoPictureError(UnreadableError):
    """It is no picture of a kind that is read."""


class TooLargeError(UnreadableError):
    """It has more pixels than are read."""


class BusyError(MoodstreamError):
    """The server has no room for this now."""


class UploadTooLargeError(MoodstreamError):
    """A body over its limit."""
