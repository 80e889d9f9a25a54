"""The migration that allows one instance per UMP."""

import importlib
import pytest
from django.apps import apps
from django.core.management import CommandError
from django.db import connection
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_migration_names_the_instances_that_share_a_ump(sandbox: Sandbox) -> None:
    migration = importlib.import_module("registrations.migrations.0008_one_instance_per_ump")
    migration.refuse_duplicates(apps, None)
    factories.make_instance(sandbox)
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_instance_per_ump")
    factories.make_instance(sandbox, app_name="second", ump_url=sandbox.seed.ump.url + "/")
    with pytest.raises(CommandError, match=r"second\.finebak\.localhost and umptoken\.finebak\.localhost \("):
        migration.refuse_duplicates(apps, None)
