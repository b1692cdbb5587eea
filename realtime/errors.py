"""The exceptions of the package, and the check that refuses settings.

    Exception
     ├─ MoodstreamError              one line for the user, shown without a traceback
     │   ├─ WeightsError             a file of weights is missing, wrong or cannot be fetched
     │   ├─ SourceError              a source that cannot be read
     │   ├─ SourceGoneError          a live source that does not answer now
     │   ├─ SourceRefusedError       a live source that will not work as it was given
     │   ├─ UnreadableImageError          a picture that cannot be read
     │   │   ├─ NotAnImageError       it is no picture
     │   │   └─ ImageTooLargeError        it has too many pixels
     │   ├─ NotReplacedError         what is there is not replaced unasked
     │   ├─ BusyError                the server has no room for this now
     │   ├─ PageClosedError          a page of the dashboard was closed in the meantime
     │   └─ UploadTooLargeError      an upload over its limit
     └─ EndOfSourceError             control flow: a recording has been played to its end

Wrong arguments are ValueError, as everywhere in Python. Two packages that may be left out keep
exceptions of their own, which are MoodstreamErrors, too: ``moodstream.samples.fetch.FetchError``
and ``moodstream.testing.ContractError``.
"""

from __future__ import annotations


class MoodstreamError(Exception):
    """Says in one line what is wrong and, where it can, what to do; shown without a traceback."""


class WeightsError(MoodstreamError):
    """A file of weights is missing, cannot be fetched, or is not the one it should be."""


class SourceError(MoodstreamError):
    """A source that cannot be read."""


class SourceGoneError(MoodstreamError):
    """A live source that does not answer now, but may do so later."""


class SourceRefusedError(MoodstreamError):
    """A live source that will not work as it was given.

    Attributes:
        denied: Whether it refuses for want of the right user name and password.
    """

    def __init__(self, message: str, denied: bool = False) -> None:
        super().__init__(message)
        self.denied = denied


class NotReplacedError(MoodstreamError):
    """What is there already is replaced only where that was asked for.

    Args:
        found: What is there.
        remedy: What to do, up to the name of the option.

    Attributes:
        on_command_line: The message as it is for those who type commands.

    Example:
        >>> error = NotReplacedError("out: is not empty", "write there anyway with")
        >>> str(error)
        'out: is not empty; write there anyway with overwrite=True'
        >>> error.on_command_line
        'out: is not empty; write there anyway with --overwrite'
    """

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(f"{found}; {remedy} overwrite=True")
        self.on_command_line = f"{found}; {remedy} --overwrite"


class UnreadableImageError(MoodstreamError):
    """A picture that cannot be read; its message says why in a few words, without its name."""


class NotAnImageError(UnreadableImageError):
    """What was given as a picture is none, or of a kind that is not read."""


class ImageTooLargeError(UnreadableImageError):
    """A picture has more pixels than are read."""


class BusyError(MoodstreamError):
    """The server has no room for this now."""


class PageClosedError(MoodstreamError):
    """The page of the dashboard for which this was done has been closed in the meantime."""


class UploadTooLargeError(MoodstreamError):
    """An upload is larger than the server takes."""


class EndOfSourceError(Exception):
    """Raised by the ``read`` of a reader once a recording has been played to its end.

    No fault, and nothing that users see: who reads a source ends with it.
    """


def require(condition: bool, expected: str, got: object) -> None:
    """Raise ValueError unless ``condition`` holds; settings check themselves by it.

    Conditions say what is right (``x > 0``), so that NaN, for which every comparison is false, is
    refused like any other wrong number.

    Args:
        condition: What must be true.
        expected: The same in words.
        got: What came instead.
    """
    if not condition:
        raise ValueError(f"expected {expected}, got {got}")
