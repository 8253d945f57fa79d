"""A second look says itself whether what its verdict sends out waits for it."""

from django.db import migrations, models

from himaya.core.config import config


def hold(apps, _editor):
    """What waits by the setting as it is now waits on."""
    if config().second_look_holds:
        apps.get_model("cases", "SecondLook").objects.filter(state__in=("open", "differs")).update(holds=True)


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0011_practice'),
    ]

    operations = [
        migrations.AddField(
            model_name='secondlook',
            name='holds',
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(hold, migrations.RunPython.noop),
    ]
