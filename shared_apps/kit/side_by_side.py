"""The same work on many things, several at a time, each thread on a database connection of its own.

The one place where threads are started (I4): a new thread has no scope and no author, so the work enters both itself.
"""

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

from django.db import connection

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    work: Callable[[Item], Result], items: Iterable[Item], *, threads: int, goes_on: Callable[[], bool]
) -> Iterator[tuple[Item, Result]]:
    """(item, result) as they come. `goes_on` is asked before each next one; what has begun then still ends.

    With one thread everything is done in the caller's. An exception of the work ends everything, and is raised here.
    """
    waiting = list(items)
    if threads <= 1 or len(waiting) <= 1:
        for item in waiting:
            if not goes_on():
                return
            yield item, work(item)
        return
    todo: SimpleQueue[Item] = SimpleQueue()
    done: SimpleQueue[tuple[Item, Result] | BaseException | None] = SimpleQueue()
    failed = Event()
    for item in waiting:
        todo.put(item)

    def run() -> None:
        try:
            while goes_on() and not failed.is_set():
                try:
                    item = todo.get_nowait()
                except Empty:
                    break
                done.put((item, work(item)))
        except BaseException as error:
            failed.set()
            done.put(error)
        finally:
            connection.close()
            done.put(None)

    workers = [Thread(target=run, daemon=True) for _ in range(min(threads, len(waiting)))]
    for worker in workers:
        worker.start()
    ended = 0
    while ended < len(workers):
        found = done.get()
        if found is None:
            ended += 1
        elif isinstance(found, BaseException):
            raise found
        else:
            yield found
