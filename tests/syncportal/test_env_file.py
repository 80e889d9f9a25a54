"""The reader of `.env`: what is meant is read, anything else is refused by its line's number."""

from pathlib import Path

import pytest

from syncportal import env_file

URL = "postgres://u:pa55word@dbhost:5432/name"


def read(tmp_path: Path, content: bytes | str) -> dict[str, str]:
    path = tmp_path / "environment"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {name: value for name, (value, _) in env_file.read(path).items()}


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("DATABASE_URL: pa55word", 1),
        ("# fine\r\n\r\nDATABASE_URL pa55word", 3),
        ("A=1\nDATABASE-URL=pa55word", 2),
        ("A=1\rB=2\rpa55word", 3),
        ("set DATABASE_URL=pa55word", 1),
        ("A=1\nEnvironment=DATABASE_URL=pa55word", 2),
        ('Environment="DATABASE_URL=pa55word"', 1),
        ("export DATABASE_URL", 1),
        ("[pa55word]", 1),
        ("=pa55word", 1),
        ("DATABASE_URL+=pa55word", 1),
        ("A='pa55word", 1),
        ('A="pa55word', 1),
        ("A='pa55'word", 1),
        ('A="pa55\\nword"', 1),
        ("A=pa55word\\", 1),
        ("A=“pa55word”", 1),
        ("A=pa55word # the database", 1),
        ("A=pa55word\t# the database", 1),
        ("A=#pa55word", 1),
        ("A=1\nB=2\nA=pa55word", 3),
        ("A=pa55\x00word", 1),
        ("A=1\nA\u200b=pa55word", 2),
        ("A=pa55\u202eword", 1),
        ("A=pa55word\u3164", 1),
        ("A=pa55\u034fword", 1),
        ("A=pa55word\ufe0f", 1),
        ("A=pa55word\ue000", 1),
        ("A=1\n\ufeffB=pa55word", 2),
        ("A=pa55\u2028B=word", 1),
        ("# comment\x0bB=pa55word", 1),
    ],
)
def test_a_line_that_is_no_setting_is_refused_by_its_number(tmp_path: Path, line: str, number: int) -> None:
    with pytest.raises(env_file.EnvFileError) as refused:
        read(tmp_path, line)
    assert f"environment, line {number} " in str(refused.value)
    assert "pa55" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_an_encoding_other_than_utf8_is_one_line(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(env_file.EnvFileError, match=r"environment(, line 1)? is not text in UTF-8") as refused:
        read(tmp_path, f"A=pa55wörd\nDATABASE_URL={URL}".encode(encoding))
    assert "pa55" not in str(refused.value)


def test_utf16_without_a_byte_order_mark_is_named_as_an_encoding(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        with pytest.raises(env_file.EnvFileError, match="not text in UTF-8, but in UTF-16"):
            read(tmp_path, f"DATABASE_URL={URL}\n".encode(encoding))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_bad_byte_is_found_on_the_files_own_line(tmp_path: Path, end: str) -> None:
    with pytest.raises(env_file.EnvFileError, match="line 3 is not text in UTF-8"):
        read(tmp_path, end.join(["A=1", "B=2", "C=pa55w\xf6rd", ""]).encode("cp1252"))


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(env_file.EnvFileError, match=r"cannot be read \(Is a directory\)"):
        env_file.read(tmp_path)


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "gone")
    with pytest.raises(env_file.EnvFileError, match="a link to a file that does not exist"):
        env_file.read(tmp_path / ".env")


@pytest.mark.parametrize(
    "line",
    [
        f"DATABASE_URL={URL}",
        f"\ufeffDATABASE_URL={URL}",
        f"DATABASE_URL = {URL}",
        f"DATABASE_URL\t=\t{URL}\t",
        f"  DATABASE_URL={URL}  ",
        f"\tDATABASE_URL={URL}",
        f"export DATABASE_URL={URL}",
        f"  export   DATABASE_URL = {URL}\r\n",
        f"DATABASE_URL='{URL}'",
        f'DATABASE_URL = "{URL}"',
        f'DATABASE_URL="{URL}" # the database',
        f"# a comment\n\n   # another\nDATABASE_URL={URL}\n\n",
        f"# a comment\r\nDATABASE_URL={URL}\r\n",
        f"\u00a0DATABASE_URL\u00a0=\u00a0{URL}\u00a0",
    ],
)
def test_what_is_meant_is_read(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, line) == {"DATABASE_URL": URL}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("", ""),
        ("''", ""),
        ("$q0eo+c2u9^tp", "$q0eo+c2u9^tp"),
        ("${HOME}/x$(id)`id`", "${HOME}/x$(id)`id`"),
        ("a=b==", "a=b=="),
        ("abc#def", "abc#def"),
        ("a\\b", "a\\b"),
        ("SyncPortal <syncportal@example.com>", "SyncPortal <syncportal@example.com>"),
        ("'a # b'", "a # b"),
        ("' a '", " a "),
        ('"a \\"b\\" \\\\ \\$c # d"', 'a "b" \\ $c # d'),
        ("'\"SyncPortal\" <s@example.com>'", '"SyncPortal" <s@example.com>'),
    ],
)
def test_a_value_stands_as_it_is_written(tmp_path: Path, written: str, value: str) -> None:
    assert read(tmp_path, f"A={written}") == {"A": value}
