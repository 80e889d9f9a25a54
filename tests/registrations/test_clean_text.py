"""One rule for invisible characters: what means nothing is dropped, what could mislead is refused by name."""

import pytest

from registrations.clean_text import Kind, MisleadingTextError, clean

TOKENS = [Kind.IDENTIFIER, Kind.SECRET, Kind.EMAIL, Kind.URL]


@pytest.mark.parametrize("what", [kind for kind in Kind if kind not in (Kind.HEADER, Kind.PASSWORD)])
@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\0", r"U\+0000 \(NUL\)"),
        ("\u202e", r"U\+202E \(right-to-left override\)"),
        ("\u2066", r"U\+2066 \(left-to-right isolate\)"),
        ("\u200f", r"U\+200F \(right-to-left mark\)"),
        ("\x1b", r"U\+001B"),
        ("\ud800", r"U\+D800"),
    ],
)
def test_what_misleads_inside_is_refused_by_name_and_place(what: Kind, character: str, name: str) -> None:
    with pytest.raises(MisleadingTextError, match=rf"{name}.* at position 4"):
        clean(f"con{character}toso", what=what)


@pytest.mark.parametrize(
    "character", ["\u200b", "\u200d", "\ufeff", "\u00ad", "\u2060", "\u3164", "\n", "\u2028", "\u202e"]
)
def test_a_name_with_an_invisible_character_inside_is_refused(character: str) -> None:
    with pytest.raises(MisleadingTextError):
        clean(f"Contoso{character} Ltd", what=Kind.NAME)


MEANINGLESS = "\ufffc\u2065\ufff0\u0378\ufffe\ufdd0\ue000\U000f0000\U00016fe4\U000e0fff"


@pytest.mark.parametrize("character", MEANINGLESS, ids=ascii)
def test_what_has_no_meaning_of_its_own_is_treated_as_invisible(character: str) -> None:
    with pytest.raises(MisleadingTextError, match=rf"U\+{ord(character):04X}"):
        clean(f"Con{character}toso", what=Kind.NAME)
    for what in (*TOKENS, Kind.TEXT, Kind.HEADER):
        assert clean(f"con{character}toso{character}", what=what) == "contoso"


@pytest.mark.parametrize("what", [Kind.NAME, *TOKENS])
def test_a_nul_at_the_end_is_refused_too(what: Kind) -> None:
    with pytest.raises(MisleadingTextError, match="NUL"):
        clean("contoso\0", what=what)


@pytest.mark.parametrize("what", [*TOKENS, Kind.NAME])
def test_a_line_break_inside_is_refused(what: Kind) -> None:
    for text in ("con\ntoso", "con\r\ntoso", "con\u2029toso"):
        with pytest.raises(MisleadingTextError):
            clean(text, what=what)


def test_a_blank_inside_a_secret_is_refused_rather_than_changed() -> None:
    with pytest.raises(MisleadingTextError, match=r"no-break space"):
        clean("abc\u00a0def", what=Kind.SECRET)


@pytest.mark.parametrize("what", [*TOKENS, Kind.NAME, Kind.TEXT, Kind.PASSWORD])
def test_what_surrounds_a_text_means_nothing(what: Kind) -> None:
    assert clean("\ufeff\u00a0 \u200b contoso \u200d\u3000\t\r\n", what=what) == "contoso"


@pytest.mark.parametrize("what", TOKENS)
def test_marks_of_direction_around_a_value_are_dropped(what: Kind) -> None:
    assert clean("\u200e\u202acontoso\u202c", what=what) == "contoso"


@pytest.mark.parametrize("what", TOKENS)
def test_a_zero_width_character_inside_a_value_is_dropped(what: Kind) -> None:
    assert clean("con\u200bto\ufeffso", what=what) == "contoso"


def test_names_compare_although_a_mac_wrote_them() -> None:
    assert clean("Cafe\u0301\u00a0Ltd", what=Kind.NAME) == "Caf\u00e9 Ltd"


def test_names_in_other_scripts_stay_as_they_are() -> None:
    for name in ("Müller & Söhne GmbH", "شركة كونتوسو", "コントソ株式会社", "ООО Контосо", "O’Brien – Zoë"):
        assert clean(name, what=Kind.NAME) == name


def test_a_reason_may_have_lines_and_a_password_any_visible_character() -> None:
    assert clean("one\r\ntwo", what=Kind.TEXT) == "one\r\ntwo"
    assert clean("a\u200db c\u00a0d", what=Kind.PASSWORD) == "a\u200db c\u00a0d"


def test_a_header_takes_everything_and_shows_only_what_is_visible() -> None:
    assert clean("Fine\u202ebak\r\nBcc: x\0\u200b", what=Kind.HEADER) == "Finebak  Bcc: x"
