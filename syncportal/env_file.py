"""The reader of `.env`. It takes what is meant and refuses the rest by line number: a skipped line would be a wrong setting.

A line is `NAME=value`, with blanks anywhere and `export` before it if wanted. A value in single quotes stands as it is; in
double quotes a backslash escapes `"`, `\\`, `$` and a backtick. Nothing is ever interpolated. Lines that shells, Docker and
systemd read differently (a comment after a value, a value over several lines) are refused.
"""

import re
from pathlib import Path

from registrations.clean_text import Unseen, unseen_in

LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
OF_SYSTEMD = {
    "Environment",
    "EnvironmentFile",
    "PassEnvironment",
    "SetCredential",
}  # lines of a unit, not of its environment
SINGLE_QUOTED = re.compile(r"'(?P<text>[^']*)'\s*(?:#.*)?")
DOUBLE_QUOTED = re.compile(r'"(?P<text>(?:[^"\\]|\\["\\$`])*)"\s*(?:#.*)?')
ESCAPED = re.compile(r'\\(["\\$`])')
COMMENT_AFTER_VALUE = re.compile(r"(?:^|\s)#")
TYPOGRAPHIC_QUOTES = "‘’‚‛“”„‟«»‹›"
LINE_END = re.compile(r"\r\n|\r|\n")
NULS_OF_UTF_16 = 4  # every second byte of English text in UTF-16 is a NUL, and here at least every fourth
IN_A_SETTING = set(Unseen) - {Unseen.BLANK}
IN_A_COMMENT = {
    Unseen.NUL,
    Unseen.CONTROL,
    Unseen.LINE_BREAK,
}  # a setting after one would look like a part of the comment


class EnvFileError(Exception):
    """The file cannot be read as settings. The sentence names the file and the line's number, never its text."""


def read(path: Path) -> dict[str, tuple[str, int]]:
    """Each name with its value and its line's number. Raises EnvFileError; FileNotFoundError if there is no file."""
    found: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(LINE_END.split(_text(path)), start=1):
        where = f"{path}, line {number}"
        bare = line.strip()
        is_comment = bare.startswith("#")
        if unseen_in(line) & (IN_A_COMMENT if is_comment else IN_A_SETTING):
            raise EnvFileError(f"{where} has an invisible character. Type the line again.")
        if not bare or is_comment:
            continue
        match = LINE.fullmatch(bare)
        if match is None or match["name"] in OF_SYSTEMD:
            raise EnvFileError(f"{where} is not of the form NAME=value.")
        name = match["name"]
        if name in found:
            raise EnvFileError(f"{where} sets the same name as line {found[name][1]}. Remove one of the two.")
        found[name] = (_value(match["value"], where), number)
    return found


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(LINE_END.findall(error.object[: error.start].decode("latin-1"))) + 1
        raise EnvFileError(f"{path}, line {line} is not text in UTF-8. Save the file as UTF-8.") from None
    except FileNotFoundError:
        if path.is_symlink():
            raise EnvFileError(f"{path} is a link to a file that does not exist.") from None
        raise
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read ({error.strerror}).") from None
    if text.count("\0") * NULS_OF_UTF_16 >= len(text) > 0:
        raise EnvFileError(f"{path} is not text in UTF-8, but in UTF-16 or UTF-32. Save the file as UTF-8.")
    return text


def _value(written: str, where: str) -> str:
    """The value without quotes. `where` names file and line for a refusal."""
    if written[:1] in {"'", '"'}:
        quoted = (SINGLE_QUOTED if written[0] == "'" else DOUBLE_QUOTED).fullmatch(written)
        if quoted is None:
            raise EnvFileError(
                f"{where} has quotes that do not enclose the whole value, or a backslash that means nothing between double "
                "quotes. A value that has single quotes stands in double quotes, and the other way round."
            )
        return quoted["text"] if written[0] == "'" else ESCAPED.sub(r"\1", quoted["text"])
    if written[:1] and written[0] in TYPOGRAPHIC_QUOTES:
        raise EnvFileError(f"{where} has typographic quotes. Use straight ones, or none.")
    if written.endswith("\\"):
        raise EnvFileError(f"{where} ends with a backslash. A value stands on one line, or in single quotes.")
    if COMMENT_AFTER_VALUE.search(written):
        raise EnvFileError(
            f"{where} has a # after a blank. A comment stands on a line of its own, and a value with # in quotes."
        )
    return written
