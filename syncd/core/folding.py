"""Folding of texts for comparison: accents, case, names, HTML. What is folded is never stored or sent."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html.parser import HTMLParser

_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]")
"""Accents and vowel points. Marks of Indic scripts and kana change the letter itself and stay."""

_UNDECOMPOSED = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i"})
_APOSTROPHES = re.compile("['`´ʹʼ‘’]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")


@lru_cache(maxsize=8_192)
def folded(text: str) -> str:
    """Without case, accents, and surplus spaces: `" Łukasz  ÉMILE "` is `"lukasz emile"`."""
    lowered = unicodedata.normalize("NFKD", text.casefold()).casefold()
    plain = unicodedata.normalize("NFC", _MARKS.sub("", lowered))
    return _SPACES.sub(" ", plain.translate(_UNDECOMPOSED)).strip()


@lru_cache(maxsize=8_192)
def words(text: str) -> tuple[str, ...]:
    """The folded words of a name, in order, without punctuation."""
    return tuple(w for w in _BETWEEN_WORDS.split(_APOSTROPHES.sub("", folded(text))) if w)


def tidy(text: str) -> str:
    """The text in composed form, with single spaces and no edges: what two people would call the same text."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", unbroken(text))).strip()


def unbroken(text: str) -> str:
    """The text without NUL and lone surrogates, which no server can store."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c != "\0" and not "\ud800" <= c <= "\udfff")


_TAGS = "a|abbr|b|big|blockquote|body|br|center|code|col|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|img|li|ol|p|pre|s"
_MARKUP = re.compile(
    rf"</?(?:{_TAGS}|small|span|strike|strong|style|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul)(?:\s[^>]*)?/?>"
    r"|&(?:amp|lt|gt|quot|apos|nbsp|#\d+|#x[0-9a-f]+);",
    re.IGNORECASE,
)
_BREAKS = frozenset({"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "table"})


class _Text(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in {"style", "script", "head"}
        if tag in _BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in {"style", "script", "head"} and self.hidden > 0
        if tag in _BREAKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.pieces.append(data)


@lru_cache(maxsize=8_192)
def plain_text(text: str) -> str:
    """What is written, without HTML. A text without known tags or entities is returned as it is."""
    if not _MARKUP.search(text):
        return text
    parser = _Text()
    parser.feed(text)
    parser.close()
    lines = (_SPACES.sub(" ", line.replace("\xa0", " ")).strip() for line in "".join(parser.pieces).split("\n"))
    return "\n".join(line for line in lines if line)
