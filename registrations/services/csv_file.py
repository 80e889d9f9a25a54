"""A CSV file as spreadsheets write it: its separator, its header and its rows, each with the file's own line number."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO

from registrations.clean_text import Kind, clean

SEPARATORS = ",;\t|"
# Excel reads it as a first line, and fills it up with separators when it writes.
SEPARATOR_LINE = re.compile(r'[\s"\ufeff]*sep\s*=[ "]*(\\t|.|)["\s,;\t|]*', re.IGNORECASE)
LINE_END = re.compile(r"\r\n|\r|\n")
END_OF_FILE = "\x1a"  # of DOS and its editors
SURPLUS = "(surplus)"  # the column of cells beyond the header


class UnreadableFileError(ValueError):
    """The file is no CSV in UTF-8; the sentence says what to do."""


@dataclass(frozen=True)
class Row:
    """One record: the line of the file on which it starts, and the text of each cell as it stands there."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The columns by their canonical names, those that stand twice, and the rows that hold anything."""

    line: int  # of the header
    columns: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def read(data: bytes, *, known: Iterable[str]) -> Table:
    """The table in the file; `known` are the columns by which the separator is found. Raises UnreadableFileError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(LINE_END.findall(data[: error.start].decode("latin-1"))) + 1
        raise UnreadableFileError(
            f"is not text in UTF-8 (line {line}): save it again as CSV UTF-8, in Excel under Save as."
        ) from None
    names = set(known)
    text, separator, skipped = _without_separator_line(text.rstrip(END_OF_FILE))
    # Some programs write a `sep=` line above a file that they separate in another way.
    chosen = max([separator or SEPARATORS[0], *SEPARATORS], key=lambda each: _score(text, each, names))
    records = ((line + skipped, cells) for line, cells in _records(text, chosen) if not _is_empty(cells))
    header = next(records, None)
    if header is None:
        return Table(1)
    for place, cell in enumerate(header[1], start=1):
        if "\0" in cell:
            raise UnreadableFileError(_refusal_of_nul(header[0], place, is_of_utf_16=cell.count("\0") > 1))
    columns = [canonical_name(cell) for cell in header[1]]
    counted = Counter(name for name in columns if name)
    rows = [Row(line, _by_column(columns, cells)) for line, cells in records]
    return Table(header[0], list(counted), [name for name, times in counted.items() if times > 1], rows)


def _refusal_of_nul(line: int, place: int, *, is_of_utf_16: bool) -> str:
    """UTF-16 without a mark at its start reads as UTF-8 with a NUL beside each letter."""
    if is_of_utf_16:
        return "is not text in UTF-8: save it again as CSV UTF-8, in Excel under Save as."
    return f"has a character U+0000 (NUL) in line {line}, cell {place}: delete it."


def canonical_name(text: str) -> str:
    """A column as people head it ("Tenant ID", "tenant-id") by the name that the import gives it."""
    return "_".join(re.split(r"[\s_-]+", clean(text, what=Kind.HEADER).strip().lower()))


def _without_separator_line(text: str) -> tuple[str, str, int]:
    """The text below a `sep=` line, the separator it names or "", and how many lines are left out."""
    start, skipped = 0, 0
    for end in LINE_END.finditer(text):
        line = text[start : end.start()]
        start, skipped = end.end(), skipped + 1
        if found := SEPARATOR_LINE.fullmatch(line):
            return text[start:], found[1] if len(found[1]) == 1 else "", skipped
        if line.strip():
            break
    return text, "", 0


def _score(text: str, separator: str, known: set[str]) -> int:
    """How many columns are known if this separates them."""
    try:
        cells = next((cells for _, cells in _records(text, separator) if not _is_empty(cells)), [])
    except UnreadableFileError:
        return 0
    return len(known & {canonical_name(cell) for cell in cells})


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record and the line on which it starts: one with line breaks in its cells takes several."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UnreadableFileError(
                f"cannot be read as CSV: {error}, in the row that starts on line {line}."
            ) from None
        yield line, cells


def _is_empty(cells: list[str]) -> bool:
    return not any(map(_holds_text, cells))


def _holds_text(cell: str) -> bool:
    """Whether it has anything that can be seen. A NUL is refused later, at its cell."""
    return "\0" in cell or bool(clean(cell, what=Kind.HEADER).strip())


def _by_column(columns: list[str], cells: list[str]) -> dict[str, str]:
    """The cells by column. What stands in or beyond a column without a name is surplus, unless it is empty."""
    named = {name: cell for name, cell in zip(columns, cells, strict=False) if name}
    unnamed = [cell for place, cell in enumerate(cells) if place >= len(columns) or not columns[place]]
    surplus = next((cell for cell in unnamed if _holds_text(cell)), "")
    return {**dict.fromkeys(filter(None, columns), ""), **named, **({SURPLUS: surplus} if surplus else {})}
