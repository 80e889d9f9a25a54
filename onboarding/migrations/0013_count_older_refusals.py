"""The number of refused sign-ins of an invitation that are not kept as rows any more. Of earlier ones it is not known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("onboarding", "0012_add_sign_in_results"),
    ]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="older_refusals",
            field=models.PositiveIntegerField(default=0, editable=False, help_text="How many of these were refused."),
        ),
    ]
