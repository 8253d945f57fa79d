"""Steps of custody become leaves of the log; those that were there before become so with the next checkpoint."""

import django.db.models.deletion
from django.db import migrations, models


def note_all(apps, editor):
    """Every step that there is."""
    step, unlogged = apps.get_model("evidence", "Step"), apps.get_model("evidence", "Unlogged")
    numbers = step.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=2000)
    unlogged.objects.bulk_create((unlogged(step_id=number) for number in numbers), batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("evidence", "0002_lasting")]

    operations = [
        migrations.CreateModel(
            name="Unlogged",
            fields=[
                (
                    "step",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="evidence.step",
                    ),
                ),
            ],
        ),
        migrations.RunPython(note_all, migrations.RunPython.noop),
    ]
