"""Template filters of the staff's pages."""

import pytest
from django.core.exceptions import NON_FIELD_ERRORS

from registrations.templatetags import portal_html


@pytest.mark.parametrize(
    ("errors", "beside"),
    [({}, False), ({NON_FIELD_ERRORS: ["Both."]}, False), ({"name": ["Empty."]}, True), ([], False), ([{}], True)],
)
def test_only_errors_of_fields_count_as_beside_fields(errors: object, beside: bool) -> None:
    assert portal_html.beside_fields(errors) is beside


def test_values_are_escaped_and_no_time_is_a_dash() -> None:
    assert "<b>" not in portal_html.copy_text("<b>") + portal_html.state_badge("draft", "<b>")
    assert portal_html.relative_time(None) == "–"
