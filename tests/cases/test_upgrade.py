"""A node of before is found by words, too."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from tests.casework import opened

from himaya.cases import queries, services
from himaya.cases.models import Words


@pytest.mark.django_db(transaction=True)
def test_what_was_written_before_there_was_an_index_is_found(people):
    case = opened(1, place="/srv/albums/7.jpg")
    services.comment(case.pk, person=people.reviewer, text="The summer album again.")
    Words.objects.all().delete()
    assert not queries.queue(state="", search="summer")
    from importlib import import_module

    fill = import_module("himaya.cases.migrations.0004_found").fill
    fill(MigrationExecutor(connection).loader.project_state(("cases", "0004_found")).apps, None)
    assert list(queries.queue(state="", search="summer")) == list(queries.queue(state="", search="albums/7")) == [case]
