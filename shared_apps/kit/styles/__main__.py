"""`python -m shared_apps.kit.styles [--readable]`: build the stylesheet and say how big it is."""

import sys
import time

from shared_apps.kit.styles import build_styles

started = time.monotonic()
path = build_styles(minify="--readable" not in sys.argv[1:])
sys.stdout.write(f"{path} ({path.stat().st_size / 1024:.0f} KB, {time.monotonic() - started:.1f} s)\n")
