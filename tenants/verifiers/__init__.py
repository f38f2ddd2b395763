"""The offline verifiers: each one file that anybody can run with Python alone, given to clients as it is."""

from pathlib import Path
from typing import Literal

Name = Literal["verify.py", "verify_certificate.py"]


def source(name: Name) -> bytes:
    """A verifier's file, to be put into an archive or offered for download."""
    return (Path(__file__).parent / name).read_bytes()
