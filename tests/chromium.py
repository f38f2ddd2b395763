"""The browser of the tests, started in one way."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

# The last switch of a name counts, so what Playwright switches off and a page could notice stands here again. The other
# two are parts of the address bar, which nobody sees: each new window would load them, for half of what it costs.
OFF = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding",
    "PreconnectToSearch", "ThirdPartyStoragePartitioning", "WebUIOmniboxAimPopup", "WebUIOmniboxPopup",
)  # fmt: skip
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    f"--disable-features={','.join(OFF)}",
]  # fmt: skip


@contextmanager
def opened() -> Iterator[Browser]:
    """Chromium of the system, until the end. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: .ci/run installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=SWITCHES)
        yield browser
        browser.close()
