"""Counters of what strangers cause."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registrations", "0016_add_key_canary"),
    ]

    operations = [
        migrations.CreateModel(
            name="RequestWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("scope", models.CharField(max_length=40)),
                ("key_hash", models.CharField(max_length=64)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(db_index=True)),
                ("count", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("action", models.CharField(max_length=60)),
                ("subject_type", models.CharField(blank=True, max_length=60)),
                ("subject_id", models.CharField(blank=True, max_length=64)),
                ("subject_label", models.CharField(blank=True, max_length=255)),
            ],
            options={
                "verbose_name": "request window",
                "ordering": ["starts_at"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("scope", "key_hash", "starts_at"), name="one_window_per_key")
                ],
            },
        ),
    ]
