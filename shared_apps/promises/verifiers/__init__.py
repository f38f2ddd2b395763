"""The program by which a stranger checks the published promises: one file that needs Python alone."""

from pathlib import Path


def source() -> bytes:
    return (Path(__file__).parent / "verify_promises.py").read_bytes()
