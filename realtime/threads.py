"""Threads with an owner, who starts them, waits for their end and hears of their first error."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class OwnedThread:
    """A daemon thread that keeps what broke it for its owner.

    Args:
        target: what the thread does; it is called once, without arguments.
        name: how the thread is called in a debugger.
        on_error: called on the thread, once its error is stored, with what broke it. Without it
            the error is logged, too: its owner may never ask.
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
            RuntimeError: it was started before, or the system has no room for it.
        """
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end of the thread; one that was not started has ended.

        Args:
            timeout: seconds to wait at most, None for as long as it takes.

        Returns:
            Whether the thread is not running.
        """
        if self.started:
            self._thread.join(timeout)
        return not self.alive

    def raise_error(self) -> None:
        """Raise what broke the thread, if anything did; only once, as its owner knows it then."""
        if self.error is not None and not self._raised:
            self._raised = True
            raise self.error

    def _run(self) -> None:
        try:
            self._target()
        except BaseException as error:  # its owner decides what becomes of it
            self.error = error
            if self._on_error is not None:
                self._on_error(error)
            else:
                logger.error("the thread %r broke", self._thread.name, exc_info=error)
