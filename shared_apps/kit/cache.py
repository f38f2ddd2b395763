"""Cache keys carry the realm: one tenant can't read, overwrite or guess another's (I6)."""

from shared_apps.kit import scope


def key(key: str, prefix: str, version: int) -> str:
    """Raises NoScope outside every scope."""
    return f"{scope.realm()}:{prefix}:{version}:{key}"


def reverse(full: str) -> str:
    return full.split(":", 3)[3]
