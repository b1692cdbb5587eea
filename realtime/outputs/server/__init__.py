"""Pictures and events for browsers over HTTP."""
