"""`.env.example` explains exactly the settings there are."""

import re

from demo.services import PROJECT

READ = re.compile(
    r"""(?:\btext|\bnames|\borigin|\bnumber|\bhosts|\bnetworks|\bemail|\bkey|\bpublic_folder|\bFILE =)[ (]\s*"([A-Z_]+)\""""
)


def test_every_variable_that_settings_read_is_explained_and_no_other() -> None:
    sources = [PROJECT / "syncportal" / name for name in ("settings.py", "env.py")]
    read = {name for source in sources for name in READ.findall(source.read_text())}
    explained = set(re.findall(r"^#?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert explained == read
