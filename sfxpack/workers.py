"""The threads of a build or scan."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class Workers(ThreadPoolExecutor):
    """Threads that are waited for only where all went well.

    A signal may reach the main thread while it holds a lock of the executor's that the threads want (`Condition` is
    entered by a function of Python's, behind which the handler may run): they never end then.
    """

    def __exit__(self, kind: object, *_: object) -> None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)
