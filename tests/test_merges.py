"""A merge that was not finished is seen by no linter in a template: it would be shown to people."""

from demo.services import PROJECT

FOLDERS = ("templates", "onboarding", "registrations", "docs", "sandbox", "demo", "syncportal")
MARKS = tuple("\n" + sign * 7 + " " for sign in "<>")


def test_no_file_holds_the_marks_of_a_merge() -> None:
    files = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*") if path.is_file()]
    texts = {path: "\n" + path.read_text(errors="ignore") for path in files if "__pycache__" not in path.parts}
    assert len(texts) > 100
    assert [str(path) for path, text in texts.items() if any(mark in text for mark in MARKS)] == []
