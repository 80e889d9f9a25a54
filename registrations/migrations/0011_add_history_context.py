"""A table beside the history that says where each entry belongs. The entries, their digests and triggers stay as they are."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

NAMES = ("instance", "provider", "tenant", "registration", "job", "customer", "service", "invitation")


def index(name: str) -> migrations.AddIndex:
    """For the pages of one object's history."""
    condition = Q(**{f"{name}_id__isnull": False})
    return migrations.AddIndex(
        "auditcontext",
        models.Index(fields=[f"{name}_id", "-entry"], condition=condition, name=f"history_of_{name}"),
    )


class Migration(migrations.Migration):
    dependencies = [("registrations", "0010_standard_names")]

    operations = [
        migrations.CreateModel(
            name="AuditContext",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="context",
                        serialize=False,
                        to="registrations.auditevent",
                    ),
                ),
                ("host", models.CharField(blank=True, max_length=320)),
                *((f"{name}_id", models.UUIDField(blank=True, null=True)) for name in NAMES),
            ],
            options={"verbose_name": "place of a history entry", "default_permissions": ()},
        ),
        migrations.AddIndex(
            "auditevent",
            models.Index(
                fields=["operation_id", "-id"], condition=Q(operation_id__isnull=False), name="history_of_operation"
            ),
        ),
        *(index(name) for name in NAMES),
    ]
