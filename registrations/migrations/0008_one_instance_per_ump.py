"""A UMP serves one instance: two with the same base URL overwrote each other's values there."""

from collections import defaultdict

from django.apps.registry import Apps
from django.core.management.base import CommandError
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Lower


def refuse_duplicates(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Raises CommandError with the hosts that share a UMP. Only a person knows whose it is, so nothing is changed."""
    hosts = defaultdict(list)
    instances = apps.get_model("registrations", "UmpInstance").objects.exclude(ump_url="").exclude(status="retired")
    for instance in instances.select_related("provider"):
        hosts[instance.ump_url.rstrip("/").lower()].append(f"{instance.app_name}.{instance.provider.domain}")
    shared = [f"{' and '.join(sorted(names))} ({url})" for url, names in hosts.items() if len(names) > 1]
    if shared:
        raise CommandError(
            f"These instances have the same UMP base URL: {'; '.join(shared)}. A UMP serves one instance. Start the version "
            "that ran before, give each its own URL in the admin (Change address), then migrate again. Nothing was changed."
        )


class Migration(migrations.Migration):
    """Looks first: the database's own refusal would name an index and no host."""

    dependencies = [("registrations", "0007_unmanaged_registrations")]
    operations = [
        migrations.AlterModelOptions(
            name="auditevent",
            options={
                "default_permissions": ("view",),
                "ordering": ["-id"],
                "verbose_name": "history entry",
                "verbose_name_plural": "history entries",
            },
        ),
        migrations.RunPython(refuse_duplicates, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="umpinstance",
            constraint=models.UniqueConstraint(
                Lower(models.Func("ump_url", models.Value("/"), function="RTRIM", output_field=models.CharField())),
                condition=models.Q(("ump_url", ""), _negated=True) & models.Q(("status", "retired"), _negated=True),
                name="one_instance_per_ump",
                violation_error_message="Another instance has this UMP base URL: a UMP serves one instance.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="umpinstance",
            name="one_instance_per_host",
            constraint=models.UniqueConstraint(
                models.F("provider"),
                Lower("app_name"),
                name="one_instance_per_host",
                violation_error_message="This service provider has an instance with that app name already.",
            ),
        ),
    ]
