"""Sizes, ages and cut texts as docker's tables show them. (docker/go-units)"""

from __future__ import annotations

import time


def human_size(count: float, digits: int = 3) -> str:
    """Bytes with three significant digits and decimal units: `4.42MB`."""
    units = ["B", "kB", "MB", "GB", "TB", "PB"]
    value, at = float(count), 0
    while value >= 1000 and at < len(units) - 1:
        value /= 1000
        at += 1
    text = f"{value:.{digits}g}"
    if "e" in text:
        text = str(round(value))
    return text + units[at]


def counted(count: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def binary_size(count: float) -> str:
    """Bytes with four significant digits and units of 1024: `1.281MiB`."""
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    text = f"{value:.4g}"
    return (str(round(value)) if "e" in text else text) + units[0]


def human_duration(seconds: float) -> str:
    """`5 seconds`, `About a minute`, `2 weeks`."""
    s = int(seconds)
    if s < 1:
        return "Less than a second"
    if s == 1:
        return "1 second"
    if s < 60:
        return f"{s} seconds"
    minutes = int(seconds / 60)
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    hours = int(seconds / 3600 + 0.5)
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600 / 24 / 365)} years"


def ago(created: float) -> str:
    """How long ago a time (seconds since 1970) was: `3 minutes ago`; nothing for a time that nobody knows."""
    return human_duration(max(0.0, time.time() - created)) + " ago" if created > 0 else "N/A"


def shown_time(seconds: float) -> str:
    """A time as `docker ps --format {{.CreatedAt}}` shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(seconds))


def display_width(text: str) -> int:
    """How many columns a terminal takes for it: wide letters (한글, 漢字) take two."""
    from unicodedata import east_asian_width

    return len(text) if text.isascii() else sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns, with … where it was cut. (docker/cli, formatter.Ellipsis)"""
    if display_width(text) <= width:
        return text
    end = min(len(text), width - 1)
    while display_width(text[:end]) > width - 1:
        end -= 1
    return text[:end] + "…"
