"""Settings: shown in words, secrets never; people and keys, each change one form."""

import re
from html import unescape

import pytest

from himaya.accounts import queries, services
from himaya.core.config import Config, config
from himaya.core.routes import Route

pytestmark = pytest.mark.django_db
SETTINGS = "/settings/"


@pytest.fixture
def admin(sign_in):
    return sign_in("admin")


def secret(response) -> str:
    """The password or key that the page shows."""
    found = re.search(r'<div class="command"><code[^>]*>([^<]+)</code>', response.content.decode())
    assert found
    return found[1]


def test_every_setting_stands_with_its_meaning(admin):
    page = unescape(admin.get(SETTINGS).content.decode())
    for name, field in Config.model_fields.items():
        assert f'<code dir="ltr">{name}</code>' in page
        assert field.description.split("`")[0] in page


def test_no_secret_is_shown(admin, monkeypatch):
    monkeypatch.setattr(config(), "database_url", "postgresql://himaya:s3cret@db.example:5432/node")
    options = {"host": "mail.example", "password": "m4il"}
    monkeypatch.setattr(config(), "notices", [Route(name="desk", channel="email", options=options)])
    page = admin.get(SETTINGS).content.decode()
    assert "PostgreSQL, database node on db.example" in page
    assert "desk (email)" in page
    assert not {"s3cret", "m4il"} & set(re.findall(r"\w+", page))
    for person in queries.people():
        assert person.password not in page


def test_only_an_administrator_sees_the_settings(sign_in):
    for role in ("analyst", "reviewer", "lead", "auditor"):
        assert sign_in(role).get(SETTINGS).status_code == 403
        assert sign_in(role).post("/settings/people/add", {"person-username": "x"}).status_code == 403


def test_a_new_person_signs_in_with_the_password_that_was_shown_once(admin, client, one_factor):
    given = {"person-username": "noor", "person-name": "Noor <b>", "person-role": "reviewer"}
    response = admin.post("/settings/people/add", given)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    password = secret(response)
    page = admin.get(SETTINGS).content.decode()
    assert "Noor &lt;b&gt;" in page
    assert password not in page
    assert password not in str(admin.session.items())
    assert client.post("/accounts/login/", {"login": "noor", "password": password}).url == "/"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"person-username": "", "person-role": "lead"}, "This field is required"),
        ({"person-username": "With Space", "person-role": "lead"}, "use 1 to 50 small letters"),
        ({"person-username": "reviewer", "person-role": "lead"}, "the name is taken"),
        ({"person-username": "noor", "person-role": "king"}, "Select a valid choice"),
    ],
)
def test_a_person_who_cannot_be_added_is_refused_beside_the_field(admin, given, said):
    response = admin.post("/settings/people/add", given)
    assert response.status_code == 422
    page = response.content.decode()
    assert said in page
    assert 'aria-invalid="true"' in page
    assert f'value="{given["person-username"]}"' in page or not given["person-username"]
    assert queries.person("noor") is None


def test_a_role_is_changed_and_said(admin, people):
    page = admin.post("/settings/people/analyst/role", {"role": "reviewer"}, follow=True)
    assert "The role of analyst was changed." in page.content.decode()
    assert queries.person("analyst").role == "reviewer"


def test_a_role_that_is_none_is_refused(admin):
    page = admin.post("/settings/people/analyst/role", {"role": "king"}, follow=True)
    assert "there is no role" in page.content.decode()
    assert queries.person("analyst").role == "analyst"


def test_who_is_barred_is_out_at_once_and_can_be_readmitted(admin, sign_in):
    reviewer = sign_in("reviewer")
    assert reviewer.get("/").status_code == 200
    assert "reviewer can no longer sign in" in admin.post("/settings/people/reviewer/bar", follow=True).content.decode()
    assert reviewer.get("/").url == "/accounts/login/?next=/"
    assert "reviewer can sign in again" in admin.post("/settings/people/reviewer/readmit", follow=True).content.decode()


@pytest.mark.parametrize("act", ["bar", "password"])
def test_before_somebody_is_shut_out_the_page_asks_and_names_them(admin, people, act):
    address, before = f"/settings/people/reviewer/{act}", people.reviewer.password
    page = admin.get(SETTINGS).content.decode()
    assert f'href="{address}"' in page
    assert f'action="{address}"' not in page
    asked = admin.get(address).content.decode()
    assert "<bdi>Reviewer</bdi> (<bdi>reviewer</bdi>)" in asked
    assert "signed out" in asked
    now = queries.person("reviewer")
    assert (now.is_active, now.password) == (True, before)
    assert admin.get(f"/settings/people/nobody/{act}").status_code == 404


def test_the_button_beside_a_secret_says_what_it_copies(admin):
    assert "Copy the password" in admin.post("/settings/people/reviewer/password").content.decode()
    given = {"key-name": "k", "key-scopes": ["screen"], "key-days": "1"}
    page = admin.post("/settings/keys/add", given).content.decode()
    assert "Copy the key" in page
    assert "Copy the command" not in page


@pytest.mark.parametrize(("act", "given"), [("bar", {}), ("role", {"role": "lead"})])
def test_the_last_administrator_stays(admin, act, given):
    page = admin.post(f"/settings/people/admin/{act}", given, follow=True).content.decode()
    assert "admin is the only administrator" in page
    assert queries.person("admin").role == "admin"
    assert queries.person("admin").is_active


def test_one_of_two_administrators_may_go(admin):
    services.add_person("second", role="admin", by="system")
    admin.post("/settings/people/second/bar")
    assert not queries.person("second").is_active


def test_a_new_password_is_shown_once_and_ends_the_sessions(admin, sign_in, client, one_factor):
    reviewer = sign_in("reviewer")
    password = secret(admin.post("/settings/people/reviewer/password"))
    assert reviewer.get("/").url == "/accounts/login/?next=/"
    assert client.post("/accounts/login/", {"login": "reviewer", "password": password}).url == "/"


def test_a_person_who_is_not_there_is_said_to_be_missing(admin):
    response = admin.post("/settings/people/nobody/password")
    assert response.status_code == 404
    assert "Nobody here has the user name" in response.content.decode()


def test_a_key_works_until_it_is_revoked(admin):
    given = {"key-name": "Scanner", "key-scopes": ["screen", "numbers:read"], "key-days": "30"}
    made = secret(admin.post("/settings/keys/add", given))
    key = queries.key_by_secret(made)
    assert key is not None
    assert key.scopes == ["numbers:read", "screen"]
    page = admin.get(SETTINGS).content.decode()
    assert "Scanner" in page
    assert made not in page
    assert "The key was revoked" in admin.post(f"/settings/keys/{key.prefix}/revoke", follow=True).content.decode()
    assert queries.key_by_secret(made) is None
    assert "There is no key" in admin.post(f"/settings/keys/{key.prefix}/revoke", follow=True).content.decode()


@pytest.mark.parametrize(
    "given",
    [
        {"key-name": "Scanner", "key-days": "30"},
        {"key-name": "Scanner", "key-scopes": ["everything"], "key-days": "30"},
        {"key-name": "Scanner", "key-scopes": ["screen"], "key-days": "9999"},
        {"key-name": "", "key-scopes": ["screen"], "key-days": "30"},
    ],
)
def test_a_key_that_asks_for_too_much_or_nothing_is_refused(admin, given):
    assert admin.post("/settings/keys/add", given).status_code == 422
    assert not queries.keys().exists()


def test_every_change_is_on_record(admin, people):
    from himaya.ledger.queries import entries

    admin.post("/settings/people/add", {"person-username": "noor", "person-role": "lead"})
    admin.post("/settings/people/noor/bar")
    admin.post("/settings/keys/add", {"key-name": "k", "key-scopes": ["screen"], "key-days": "1"})
    acts = [(entry.act, entry.actor) for entry in entries(actor=people.admin.actor)]
    assert [act for act, _ in acts] == ["key.added", "person.changed", "person.added"]


def test_a_role_is_chosen_by_a_short_name_and_explained_below(admin):
    page = admin.get(SETTINGS).content.decode()
    names = re.findall(r"<option[^>]*>([^<]+)</option>", page)
    assert names
    assert max(map(len, names)) < 16
    assert "Auditor: reads everything" in page
    assert "dots, dashes and underscores" in page
