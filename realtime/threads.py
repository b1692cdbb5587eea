"""Threads with an owner: started and joined by it, and its errors re-raised there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class OwnedThread:
    """A daemon thread that stores the exception that ended it for its owner to raise.

    Args:
        target: What the thread does; called once, without arguments.
        name: The name of the thread in debuggers and logs.
        on_error: Called on the thread with the exception, once that is stored. Without it the
            exception is logged as well, since the owner may never ask.

    Attributes:
        error: The exception that ended the thread, None without one.
    """

    def __init__(
        self,
        target: Callable[[], object],
        name: str,
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._target, self._on_error = target, on_error
        self.error: BaseException | None = None
        self._raised = False
        # a thread that never comes back, such as from a dead disk, must not keep the process alive
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def started(self) -> bool:
        """Whether ``start`` has been called."""
        return self._thread.ident is not None

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: It was started before, or the system has no room for it.
        """
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of the thread; one that was never started counts as ended.

        Args:
            timeout: Seconds to wait at most, None for as long as it takes.

        Returns:
            Whether the thread is not running.
        """
        if self.started:
            self._thread.join(timeout)
        return not self.alive

    def raise_error(self) -> None:
        """Raise the exception that ended the thread, if there is one; later calls do nothing."""
        if self.error is not None and not self._raised:
            self._raised = True
            raise self.error

    def _run(self) -> None:
        try:
            self._target()
        except BaseException as error:  # re-raised by raise_error() on the thread of the owner
            self.error = error
            if self._on_error is not None:
                self._on_error(error)
            else:
                logger.error("the thread %r broke", self._thread.name, exc_info=error)
