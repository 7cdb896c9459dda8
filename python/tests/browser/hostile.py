"""Texts that a page must show and never obey; whoever obeys sets `window.obeyed` or opens a dialog."""

from __future__ import annotations

SCRIPT = "<script>window.obeyed=1</script>"
HANDLER = '"><img src=x onerror=window.obeyed=1>'
LONG = "long-" + "k" * 1500
RIGHT_TO_LEFT = "مهمة\u202egnp.exe"
LINES = "two\nlines 🙂 \x07 {{7*7}} ${window.obeyed=1}"
PATH = "../s3://bucket/x%2Fy.csv?a=1&token=2#end+"
ALL = (SCRIPT, HANDLER, LONG, RIGHT_TO_LEFT, LINES, PATH)
