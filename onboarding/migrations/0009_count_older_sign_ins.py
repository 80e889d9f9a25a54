"""The number of sign-ins of an invitation that are not kept as rows any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0008_standard_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="older_sign_ins",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="Sign-ins that were counted and whose rows were deleted."
            ),
        ),
        migrations.AddField(
            model_name="signin",
            name="code_hash",
            field=models.CharField(blank=True, max_length=64),
        ),
    ]
