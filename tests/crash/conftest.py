"""Says how many points of death were tried."""

from collections import Counter
from typing import Any

tried: Counter[str] = Counter()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if tried:
        counts = ", ".join(f"{count} of the {who}" for who, count in tried.items())
        terminalreporter.write_line(f"Points of death that were tried: {counts}.")
