"""Colours by what they mean. Pictures are drawn in the light ones; on the page each is a variable with two values.

Marks stand out from their ground by 3:1 or more, text by 4.5:1 (WCAG 2.2), in both. Fates differ in lightness as well
as in hue.
"""

from __future__ import annotations

INK, MUTED, RULE, ON_MARK = "#1d2129", "#5b6270", "#d5d9e0", "#fefefe"
KEPT, DROPPED, ASIDE = "#1f6f8b", "#c14a32", "#8563a8"
SERIES = (KEPT, "#a8690a", "#47804f", "#3a58a8", "#ad4b78", "#75634f", "#5a7f95", ASIDE)
"""For things of no order."""

DARK = {
    INK: "#e9ebef",
    MUTED: "#a6aebb",
    RULE: "#3b424e",
    ON_MARK: "#111317",
    KEPT: "#63b5d1",
    DROPPED: "#f08a72",
    ASIDE: "#bda0dc",
    "#a8690a": "#e0ae55",
    "#47804f": "#86c08e",
    "#3a58a8": "#8fa8ea",
    "#ad4b78": "#e594b6",
    "#75634f": "#bfab95",
    "#5a7f95": "#a3c1d2",
}
"""Of every light colour the dark one."""
