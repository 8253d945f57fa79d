"""People and keys: made, changed and ended by services that say what is wrong and put it on record."""

from __future__ import annotations

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.db import IntegrityError, connection, transaction
from tests.conftest import PASSWORD

from himaya.accounts import services as accounts
from himaya.accounts.models import ApiKey, Person
from himaya.accounts.queries import key_by_secret, names, owner, person, tally
from himaya.accounts.roles import MAY, ROLES, SCOPES
from himaya.accounts.services import BadKey, BadPerson, LastAdministrator, UnknownKey, UnknownPerson
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db


def last() -> Entry:
    return Entry.objects.latest("seq")


# --- people ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_somebody_who_was_added_has_the_role_and_a_password_that_opens(role: str) -> None:
    password = accounts.add_person("ann", role=role, by="system", name="Ann", email="ann@example.org")
    found = person("ann")
    assert found is not None
    assert (found.role, str(found), found.is_active) == (role, "Ann", True)
    assert len(password) >= 20
    assert found.check_password(password)
    assert (last().act, last().about, last().data) == ("person.added", found.actor, {"role": role})
    assert password not in found.password
    assert not [entry for entry in Entry.objects.all() if password in entry.content or "ann" in entry.content]


@pytest.mark.parametrize(
    ("username", "more", "words"),
    [
        ("", {}, "1 to 50 small letters"),
        ("Ann", {}, "small letters"),
        ("-ann", {}, "beginning with a letter"),
        ("ann smith", {}, "small letters"),
        ("a" * 51, {}, "1 to 50"),
        ("ann\n", {}, "small letters"),
        ("taken", {}, "the name is taken"),
        ("ann", {"role": "root"}, "no role 'root'; there are: analyst"),
        ("ann", {"password": "short"}, "too short"),
        ("annabel.lee.of.the.sea", {"password": "annabel.lee.of.the.sea"}, "too similar"),
    ],
)
def test_somebody_who_cannot_be_added_is_refused_in_words(username: str, more: dict[str, str], words: str) -> None:
    accounts.add_person("taken", role="analyst", by="system")
    with pytest.raises(BadPerson, match=words):
        accounts.add_person(username, **{"role": "analyst", "by": "system", **more})
    assert Person.objects.count() == Entry.objects.count() == 1


def test_the_database_knows_the_roles() -> None:
    accounts.add_person("ann", role="analyst", by="system")
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.update(role="root")


def test_a_password_that_was_reset_opens_and_the_old_one_does_not(people: SimpleNamespace) -> None:
    before = people.reviewer.get_session_auth_hash()
    password = accounts.reset_password("reviewer", by=people.admin.actor)
    found = person("reviewer")
    assert found is not None
    assert found.check_password(password)
    assert not found.check_password(PASSWORD)
    assert found.get_session_auth_hash() != before, "whoever is signed in is signed out"
    assert (last().act, last().actor, last().about) == ("person.password-reset", people.admin.actor, found.actor)


def test_a_changed_role_and_being_barred_hold_at_once(people: SimpleNamespace) -> None:
    accounts.change_person("reviewer", by=people.admin.actor, role="analyst")
    found = person("reviewer")
    assert found is not None
    assert not found.may("cases.decide")
    accounts.change_person("reviewer", by=people.admin.actor, active=False)
    found = person("reviewer")
    assert found is not None
    assert not any(found.may(permission) for permission in MAY)
    assert not ModelBackend().user_can_authenticate(found)
    accounts.change_person("reviewer", by=people.admin.actor, active=True)
    assert person("reviewer").may("cases.view")  # type: ignore[union-attr]
    assert last().data == {"role": "analyst", "active": True}


@pytest.mark.parametrize("change", [{"role": "lead"}, {"active": False}])
def test_the_last_administrator_stays(people: SimpleNamespace, change: dict[str, Any]) -> None:
    with pytest.raises(LastAdministrator, match="admin is the only administrator"):
        accounts.change_person("admin", by=people.admin.actor, **change)
    assert person("admin").may("accounts.change")  # type: ignore[union-attr]
    accounts.add_person("second", role="admin", by="system")
    accounts.change_person("admin", by=person("second").actor, **change)
    with pytest.raises(LastAdministrator):
        accounts.change_person("second", by="system", **change)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_at_once_do_not_leave_the_node_without_one() -> None:
    for name in ("one", "two"):
        accounts.add_person(name, role="admin", by="system")
    results: dict[str, Any] = {}
    start = threading.Barrier(2)

    def bar(name: str) -> None:
        start.wait(10)
        try:
            accounts.change_person(name, by="system", active=False)
        except Exception as error:  # noqa: BLE001 - the test's to judge
            results[name] = error
        finally:
            connection.close()

    for _ in range(5):
        Person.objects.update(is_active=True)
        results.clear()
        threads = [threading.Thread(target=bar, args=(name,)) for name in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [type(error) for error in results.values()] == [LastAdministrator]
        assert Person.objects.filter(is_active=True).count() == 1


def test_somebody_who_is_not_there_is_said_to_be_unknown_with_the_remedy() -> None:
    for act in (accounts.reset_password, accounts.change_person):
        with pytest.raises(UnknownPerson, match="'nobody'") as refused:
            act("nobody", by="system")
        assert "himaya users list" in refused.value.diagnostics()
    assert not Entry.objects.exists()


def test_a_role_that_does_not_exist_is_refused(people: SimpleNamespace) -> None:
    with pytest.raises(BadPerson, match="no role 'root'"):
        accounts.change_person("lead", by="system", role="root")
    assert person("lead").role == "lead"  # type: ignore[union-attr]


def test_actors_are_called_by_their_names(people: SimpleNamespace) -> None:
    told = names([people.lead.actor, "system", "key:ab12", "person:x", "person:4711"])
    assert told == {people.lead.actor: "Lead"}


# --- keys ------------------------------------------------------------------------------------------------------------


def test_the_secret_of_a_key_is_shown_once_and_kept_nowhere(people: SimpleNamespace, clock: Any) -> None:
    made = accounts.add_key("hotline", scopes=["screen", "screen", "lists:read"], by=people.admin.actor, days=30)
    key = ApiKey.objects.get()
    assert (key.scopes, key.created_by, key.expires_at - clock.now()) == (
        ["lists:read", "screen"],
        people.admin,
        timedelta(days=30),
    )
    assert key_by_secret(made.secret) == key
    rest = made.secret.rpartition("_")[2]
    assert not any(rest in str(value) for value in ApiKey.objects.values().get().values())
    assert rest not in last().content
    assert (last().act, last().about) == ("key.added", f"key:{key.prefix}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scopes": []}, "scopes must be some of screen"),
        ({"scopes": ["screen", "everything"]}, "no scope 'everything'"),
        ({"name": ""}, "1 to 80 characters"),
        ({"name": "x" * 81}, "1 to 80 characters"),
        ({"days": 0}, "1 to 1095 days"),
        ({"days": 1096}, "1 to 1095 days"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_in_words(change: dict[str, Any], words: str) -> None:
    asked = {"name": "hotline", "scopes": SCOPES, "by": "system", **change}
    with pytest.raises(BadKey, match=words):
        accounts.add_key(asked.pop("name"), **asked)
    assert not ApiKey.objects.exists()
    assert not Entry.objects.exists()


def test_a_key_of_the_command_line_acts_for_whom_it_names_and_needs_one_where_people_are_counted(
    people: SimpleNamespace,
) -> None:
    for scope in ("lists:write", "subscriptions:write", "partners:write", "publishing:write"):
        with pytest.raises(BadKey, match=f"{scope} it acts for a person"):
            accounts.add_key("coop", scopes=["screen", scope], by="cli:root")
    with pytest.raises(UnknownPerson):
        accounts.add_key("coop", scopes=["lists:write"], by="cli:root", owner="nobody")
    made = accounts.add_key("coop", scopes=["lists:write"], by="cli:root", owner=people.lead.username)
    assert owner(made.key.actor) == people.lead.actor == last().data["owner"]
    accounts.change_person(people.lead.username, by="cli:root", active=False)
    with pytest.raises(BadKey, match="lead may not sign in"):
        accounts.add_key("coop", scopes=["screen"], by="cli:root", owner=people.lead.username)
    screens = accounts.add_key("scanner", scopes=["screen", "log:write"], by="cli:root")
    assert screens.key.created_by is None


def test_a_key_ends_when_it_is_revoked_or_its_time_is_over(clock: Any) -> None:
    revoked = accounts.add_key("one", scopes=["screen"], by="system")
    expires = accounts.add_key("two", scopes=["screen"], by="system", days=1)
    accounts.revoke_key(revoked.key.prefix, by="system")
    assert key_by_secret(revoked.secret) is None
    clock.advance(timedelta(days=1, seconds=-1))
    assert key_by_secret(expires.secret) is not None
    clock.advance(timedelta(seconds=1))
    assert key_by_secret(expires.secret) is None
    assert last().act == "key.revoked"
    assert tally()["keys.valid"] == 0


def test_a_key_that_is_not_there_or_has_ended_is_not_revoked() -> None:
    made = accounts.add_key("one", scopes=["screen"], by="system")
    accounts.revoke_key(made.key.prefix, by="system")
    for prefix in (made.key.prefix, "ffffffffffff"):
        with pytest.raises(UnknownKey, match=prefix):
            accounts.revoke_key(prefix, by="system")


@pytest.mark.parametrize("secret", ["", "himaya_", "himaya_ab_cd", "other_ab_cd", "himaya_{prefix}_wrong", "{prefix}"])
def test_what_is_no_secret_of_a_key_opens_nothing(secret: str) -> None:
    made = accounts.add_key("one", scopes=["screen"], by="system")
    assert key_by_secret(secret.format(prefix=made.key.prefix)) is None
