"""What makes a password of staff easy to guess, beyond Django's own rules."""

import re
import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from zxcvbn import zxcvbn
from zxcvbn.matching import RANKED_DICTIONARIES

from registrations.auth.usual_words import LAYOUTS, QWERTY, WORDS

# Guesses that an attacker with a stolen hash makes in about a day: https://github.com/dropbox/zxcvbn (README, "Usage").
FEWEST_GUESSES = 10**10
FEWEST_GUESSES_JOINED = 10**7  # without blanks and signs, which a phrase of common words may lean on
# Characters; these decide already. The library's time grows fast with signs that may stand for letters: measured on 2026-11-30
# with the worst text that we found, 3.2 s for 72 characters, 0.5 s for 32, and 0.01 s without its signs.
LONGEST_RATED = 32
FEWEST_OWN_LETTERS = 6  # beside names, digits and signs
PRODUCT = ("syncportal", "sync", "portal", "audiocodes", "ump", "microsoft", "teams", "entra", "admin", "password")
AS_LETTERS = str.maketrans("013457@$!", "oleastasi")  # digits and signs that people write for letters
AS_ON_QWERTY = [  # the library knows the neighbours of keys on this keyboard only
    {ord(key): there for row, known in zip(rows, QWERTY, strict=True) for key, there in zip(row, known, strict=False)}
    for rows in LAYOUTS.values()
]
PERSONAL = ("username", "first_name", "last_name", "email")
ADVICE = "Use several words that have nothing to do with each other, or a password manager's suggestion."


class GuessableValidator:
    """Refuses rows of keys, sequences, repetitions, dates, known passwords, and a name or a usual word with digits."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError that says why."""
        password = unicodedata.normalize("NFKC", password)  # the same letters in another width are no better
        words = (*_words_of(user), *PRODUCT)
        lower = password.lower()
        if not any(character.isalpha() for character in password):
            raise ValidationError(f"It has no letters. {ADVICE}", code="password_without_letters")
        if _is_one_known_word(lower) or any(
            _is_hardly_more_than((*words, *WORDS), text)
            for text in (lower, lower.translate(AS_LETTERS), re.sub(r"[\W\d_]+", "", lower))
        ):
            raise ValidationError(f"It is hardly more than a name or a usual word. {ADVICE}", code="password_is_a_name")
        _require_guesses(password, FEWEST_GUESSES, words)
        for text in dict.fromkeys((password, *(lower.translate(keys) for keys in AS_ON_QWERTY))):
            # Rows of keys are no better for the signs between them.
            _require_guesses(re.sub(r"[\W_]+", "", text) or password, FEWEST_GUESSES_JOINED, words)

    def get_help_text(self) -> str:
        """For the form."""
        return "It cannot be a row of keys, a sequence, a repetition or a date, nor a name or a usual word with digits."


def _require_guesses(text: str, fewest: int, words: tuple[str, ...]) -> None:
    rated = zxcvbn(text[:LONGEST_RATED], user_inputs=list(words))
    if rated["guesses"] < fewest:
        why = rated["feedback"]["warning"].rstrip(".") or "It is easy to guess"
        raise ValidationError(f"{why}. {ADVICE}", code="password_is_guessable")


def _words_of(user: Any) -> tuple[str, ...]:
    """The words of the person's names and address, in lower case."""
    texts = (str(getattr(user, name, "") or "") for name in PERSONAL)
    return tuple({word for text in texts for word in re.split(r"[\W_]+", text.lower()) if len(word) > 1})


def _is_hardly_more_than(words: tuple[str, ...], text: str) -> bool:
    """Whether the text holds one of the words, and few letters beside them."""
    rest = text
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, " ")
    return rest != text and len(re.sub(r"[\W\d_]+", "", rest)) < FEWEST_OWN_LETTERS


def _is_one_known_word(text: str) -> bool:
    """Whether its letters stand together and are a word that the library knows; the rest is digits and signs."""
    letters = re.findall(r"[^\W\d_]+", text)
    return len(letters) == 1 and any(letters[0] in known for known in RANKED_DICTIONARIES.values())
