"""The version of this Python, as `platform` tells it, but without importing that: starting is slow enough."""

from __future__ import annotations

import sys

PYTHON_VERSION = sys.version.split(maxsplit=1)[0]
