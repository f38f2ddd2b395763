"""People who may sign in, their sessions, rights and second factors.

`watchers` are told when the number of a workspace's people may be another one now: modules above join it in their
`ready`. Each is called in the transaction that changes somebody, in the scope of the workspace. Importing this package
loads no model.
"""

from collections.abc import Callable

watchers: list[Callable[[], None]] = []


def number_changed() -> None:
    """Somebody entered for the first time, was deactivated or came back."""
    for watcher in watchers:
        watcher()
