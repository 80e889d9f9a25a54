"""A table that shows at each start whether PORTAL_KEYS are the keys of this database."""

import registrations.models.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registrations", "0013_add_provider_contact"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyCanary",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key_id", models.CharField(max_length=120, unique=True)),
                ("envelope", registrations.models.fields.EnvelopeField(blank=True, default="", editable=False)),
            ],
            options={
                "verbose_name": "key canary",
                "verbose_name_plural": "key canaries",
                "default_permissions": (),
            },
        ),
    ]
