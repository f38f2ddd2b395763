"""The stylesheet: built quickly, of tokens, self-contained; a broken source leaves the old one in place."""

import time
from pathlib import Path

import pytest

from shared_apps.kit import styles


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(styles, "BUILT", tmp_path / "app.css")
    return tmp_path / "app.css"


def test_the_stylesheet_is_built_in_a_moment_and_asks_for_nothing_else(target: Path) -> None:
    started = time.monotonic()
    assert styles.build_styles() == target
    assert time.monotonic() - started < 5  # 0.3 s alone; the machine may be busy
    css = target.read_text()
    assert ".button-primary" in css
    assert "light-dark(" in css
    assert "url(" not in css
    assert "@import" not in css


def test_a_broken_source_leaves_the_old_stylesheet(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.write_text("old")
    broken = tmp_path / "broken.css"
    broken.write_text("@layer components { .button { color: ")
    monkeypatch.setattr(styles, "SOURCE", broken)
    with pytest.raises(styles.StylesFailed):
        styles.build_styles()
    assert target.read_text() == "old"
    assert list(tmp_path.glob("*.new")) == []
