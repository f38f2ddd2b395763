from tests.toys.fixtures import committed, toys

__all__ = ["committed", "toys"]
