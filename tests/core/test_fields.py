"""What a side can hold of a unit, and when two spellings are one value."""

from __future__ import annotations

import pytest

from syncd.core.contact import Field, Unit
from syncd.core.fields import canon, project
from syncd.core.folding import folded, plain_text, words
from syncd.core.phones import e164, tail
from tests.core.model import CRM, GOOGLE, address, birthday, email, job, name, phone, url


@pytest.mark.parametrize(
    ("unit", "held"),
    [
        (name("A\0nn", "Le\ud800e"), name("Ann", "Lee")),
        (job("A" * 50), job("A" * 40)),
        (job("😀" * 30), job("😀" * 20)),
        (email("a" * 40 + "@x.lv"), None),
        (email("a@x.lv", "home"), email("a@x.lv")),
        (phone("1", "Yacht"), phone("1", "other")),
        (phone("1", "workFax"), phone("1", "workFax")),
        (address("Main", label="Yacht"), address("Main", label="other")),
        (url("x.lv", "facebook"), None),
        (Unit(Field.IM, ("ann",), "icq"), None),
        (birthday("", "5", "1"), None),
        (birthday("1990", "5", "1"), birthday("1990", "5", "1")),
        (name(" ", "\0"), None),
    ],
)
def test_crm_holds_what_it_has_a_place_for(unit: Unit, held: Unit | None) -> None:
    """Labels become its own, texts are cut, addresses are not; a letter is never cut in two."""
    assert project(unit, CRM) == held


def test_google_holds_it_all() -> None:
    """Its labels are free and its birthdays need no year."""
    for unit in (birthday("", "5", "1"), url("x.lv", "facebook"), phone("1", "Yacht"), job("A" * 500)):
        assert project(unit, GOOGLE) == unit


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("67 111 222", "+37167111222"),
        ("+371 67-111-222", "+37167111222"),
        ("00371 67111222", "+37167111222"),
        ("67111222 ext. 5", "+37167111222;ext=5"),
        ("٦٧١١١٢٢٢", "+37167111222"),
        ("ask Ann", "askann"),
        ("*100#", "*100"),
        ("-", "-"),
    ],
)
def test_phone_is_compared_as_the_number_that_is_called(text: str, number: str) -> None:
    """With the account's region; what is no number is compared by its letters and digits."""
    assert e164(text, "LV") == number


@pytest.mark.parametrize(
    ("text", "key"),
    [("+371 67 111 222", "67111222"), ("67111222 ext 5", "67111222"), ("111222", "111222"), ("112", ""), ("", "")],
)
def test_phone_key_is_its_tail(text: str, key: str) -> None:
    """Eight digits, without the extension; nothing for numbers too short to tell people apart."""
    assert tail(text) == key


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("a<br/>b &amp; c&nbsp;d", "a\nb & c d"),
        ("<style>p {x: y}</style><div>Seen</div>", "Seen"),
        ("x <y> z, 1 < 2", "x <y> z, 1 < 2"),
        ("plain\n text", "plain\n text"),
    ],
)
def test_html_is_read_as_a_reader_would(html: str, text: str) -> None:
    """Only known tags make HTML; anything else is text with angle brackets."""
    assert plain_text(html) == text


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Łukasz  ÉMILE", "lukasz emile", True),
        ("Straße", "STRASSE", True),
        ("Йорк", "йорк", True),
        ("ガ", "カ", False),
        ("Müller", "Muller", True),
    ],
)
def test_folding_drops_case_and_accents_but_not_letters(one: str, other: str, *, equal: bool) -> None:
    """A mark that makes another letter of it stays."""
    assert (folded(one) == folded(other)) is equal


def test_words_of_a_name_have_no_punctuation() -> None:
    """Hyphens part, apostrophes join."""
    assert words("O'Neil-Smith, A.B.") == ("oneil", "smith", "a", "b")


def test_im_protocol_is_part_of_what_is_said() -> None:
    """The same user name elsewhere is another address."""
    assert canon(Unit(Field.IM, ("ann",), "skype"), "") != canon(Unit(Field.IM, ("ann",), "icq"), "")
