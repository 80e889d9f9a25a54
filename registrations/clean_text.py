"""One rule for text as people have it: what means nothing is dropped, what could mislead is refused by its name."""

import unicodedata
from collections.abc import Mapping
from enum import Enum, auto

from registrations.errors import PortalError


class MisleadingTextError(PortalError):
    """The text holds a character that cannot be seen and changes what it means; the sentence names it."""


class Kind(Enum):
    """What a text is, which decides what may stand in it."""

    NAME = auto()  # of a person, an organisation, a service: shown on pages and in subject lines
    IDENTIFIER = auto()  # a GUID, a host, a user name
    SECRET = auto()
    EMAIL = auto()
    URL = auto()
    TEXT = auto()  # sentences, in one or more lines
    PASSWORD = auto()  # a person types it again as it stands
    HEADER = auto()  # of a mail: nothing is refused there any more, because nobody could correct it


class Unseen(Enum):
    """Characters that cannot be seen, by what they do."""

    NUL = auto()
    CONTROL = auto()
    LINE_BREAK = auto()
    BLANK = auto()  # other than the space
    ZERO_WIDTH = auto()
    JOINER = auto()  # means something in Persian, in scripts of India and in emoji
    DIRECTION = auto()


class _Act(Enum):
    KEEP = auto()
    DROP = auto()
    SPACE = auto()
    REFUSE = auto()


LINE_BREAKS = frozenset("\n\r\v\f\x85\u2028\u2029")
BLANKS = frozenset("\t\u2800")
SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))  # of a variant of the character before
JOINERS = frozenset("\u200c\u200d") | {chr(code) for codes in SELECTORS for code in codes}
# https://www.unicode.org/reports/tr9/ (2, Directional Formatting Characters)
DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Invisible, though Unicode counts them as marks or letters: grapheme joiner, Hangul fillers, Khmer vowels, Mongolian selectors,
# object replacement character, filler of Khitan.
UNSEEN = frozenset("\ufffc\U00016fe4\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {
    chr(code) for code in range(0x180B, 0x1810)
}
NAMES = {"\0": "NUL", "\n": "line break", "\r": "line break", "\t": "tab"}

_Acts = Mapping[Unseen, _Act]
_TOKEN: _Acts = {  # one word of visible characters: whatever cannot be seen is no part of it
    Unseen.NUL: _Act.REFUSE,
    Unseen.CONTROL: _Act.REFUSE,
    Unseen.LINE_BREAK: _Act.REFUSE,
    Unseen.BLANK: _Act.SPACE,
    Unseen.ZERO_WIDTH: _Act.DROP,
    Unseen.JOINER: _Act.DROP,
    Unseen.DIRECTION: _Act.REFUSE,
}
_INSIDE: Mapping[Kind, _Acts] = {
    Kind.NAME: {**_TOKEN, Unseen.ZERO_WIDTH: _Act.REFUSE, Unseen.JOINER: _Act.REFUSE},
    Kind.IDENTIFIER: _TOKEN,
    Kind.SECRET: {**_TOKEN, Unseen.BLANK: _Act.REFUSE},
    Kind.EMAIL: _TOKEN,
    Kind.URL: _TOKEN,
    Kind.TEXT: {**_TOKEN, Unseen.LINE_BREAK: _Act.KEEP, Unseen.JOINER: _Act.KEEP},
    Kind.PASSWORD: dict.fromkeys(Unseen, _Act.KEEP) | {Unseen.NUL: _Act.REFUSE, Unseen.LINE_BREAK: _Act.REFUSE},
    Kind.HEADER: dict.fromkeys(Unseen, _Act.DROP) | {Unseen.LINE_BREAK: _Act.SPACE, Unseen.BLANK: _Act.SPACE},
}
_AT_THE_ENDS = frozenset({Unseen.LINE_BREAK, Unseen.BLANK, Unseen.ZERO_WIDTH, Unseen.JOINER})
# Copied along by Windows and by chats. In a name they would turn the letters that people see.
_DIRECTION_AT_THE_ENDS = frozenset({Kind.IDENTIFIER, Kind.SECRET, Kind.EMAIL, Kind.URL, Kind.HEADER})
_COMPOSED = frozenset({Kind.NAME, Kind.HEADER})  # a Mac writes an accent apart from its letter


def clean(value: str, *, what: Kind) -> str:
    """The text without what means nothing. Raises MisleadingTextError, which names the character and its place."""
    if value.isascii() and value.isprintable():
        return value.strip()
    ends = _AT_THE_ENDS | ({Unseen.DIRECTION} if what in _DIRECTION_AT_THE_ENDS else frozenset())
    start, stop = 0, len(value)
    while start < stop and _is_surrounding(value[start], ends):
        start += 1
    while start < stop and _is_surrounding(value[stop - 1], ends):
        stop -= 1
    acts = _INSIDE[what]
    cleaned = "".join(_seen(value[place], place, acts) for place in range(start, stop))
    return unicodedata.normalize("NFC", cleaned) if what in _COMPOSED else cleaned


def unseen_in(text: str) -> set[Unseen]:
    """What is in the text that cannot be seen; empty for visible characters and spaces."""
    return {found for character in set(text) if (found := _class_of(character))}


def _is_surrounding(character: str, ends: frozenset[Unseen]) -> bool:
    return character == " " or _class_of(character) in ends


def _seen(character: str, place: int, acts: _Acts) -> str:
    found = _class_of(character)
    act = acts[found] if found else _Act.KEEP
    if act is _Act.REFUSE:
        raise MisleadingTextError(
            f"Delete the {_name_of(character)} at position {place + 1}: it cannot be seen, and it does not belong here."
        )
    return {_Act.KEEP: character, _Act.DROP: "", _Act.SPACE: " "}[act]


def _class_of(character: str) -> Unseen | None:
    """The class of a character that cannot be seen; None for all others and for the space."""
    if " " <= character <= "~":
        return None
    for found, members in _MEMBERS.items():
        if character in members:
            return found
    return _BY_CATEGORY.get(unicodedata.category(character))


def _name_of(character: str) -> str:
    code = f"character U+{ord(character):04X}"
    name = NAMES.get(character) or unicodedata.name(character, "").lower()
    return f"{code} ({name})" if name else code


_MEMBERS = {
    Unseen.NUL: frozenset("\0"),
    Unseen.LINE_BREAK: LINE_BREAKS,
    Unseen.BLANK: BLANKS,
    Unseen.JOINER: JOINERS,
    Unseen.DIRECTION: DIRECTIONS,
    Unseen.ZERO_WIDTH: UNSEEN,
}
# https://www.unicode.org/reports/tr44/#General_Category_Values; a lone surrogate fits into no encoding, and what is not
# assigned (Cn), or is for private use (Co), looks different or like nothing on each device.
_BY_CATEGORY = {
    "Cc": Unseen.CONTROL,
    "Cs": Unseen.CONTROL,
    "Zs": Unseen.BLANK,
    **dict.fromkeys(("Cf", "Cn", "Co"), Unseen.ZERO_WIDTH),
}
