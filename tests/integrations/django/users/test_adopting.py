"""`adopt_users`: users who were there before sign in as themselves, and what is not certain is left alone."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from stateful_oauth.storage.models import Identity
from tests.support.users_and_claims import ADA

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]

ISSUER = "https://tenant.example/"


@pytest.fixture
def adopts(capsys):
    def run(*arguments, **options) -> list[str]:
        call_command("adopt_users", *arguments, **options)
        return capsys.readouterr().out.splitlines()

    return run


def make(username, **fields):
    return get_user_model().objects.create_user(username, **fields)


def identities():
    return dict(Identity.objects.values_list("subject", "user_id"))


@pytest.fixture
def sub(tenant) -> str:
    return next(iter(tenant.people.users))


def test_user_whose_username_is_the_sub_signs_in_as_that_user(browser, adopts, sub):
    before = make(sub, email="old@example.com", first_name="A.")
    assert adopts("--from", "auth0-authbackend") == ["adopted: 1", "known: 0", "ambiguous: 0"]
    browser.sign_in(ADA)
    assert browser.user_id == str(before.pk)
    assert get_user_model().objects.count() == 1


def test_dry_run_changes_nothing_and_says_the_same(adopts, sub):
    make(sub)
    assert adopts("--from", "username", "--dry-run") == ["would adopt: 1", "known: 0", "ambiguous: 0"]
    assert not Identity.objects.exists()


def test_a_second_run_of_adopting_changes_nothing(adopts, sub):
    make(sub)
    adopts("--from", "username")
    first = Identity.objects.values().get()
    assert adopts("--from", "username") == ["adopted: 0", "known: 1", "ambiguous: 0"]
    assert Identity.objects.values().get() == first


def test_usernames_that_look_like_no_sub_are_left_out_unless_they_are_asked_for(adopts):
    make("ada")
    assert adopts("--from", "username")[0] == "adopted: 0"
    assert adopts("--from", "username", "--any-username")[0] == "adopted: 1"


def test_sub_that_another_user_has_already_is_left_alone(browser, adopts, sub):
    """Its user signed in before anybody thought of adopting."""
    browser.sign_in(ADA)
    before = make(sub)
    first, *rest = adopts("--from", "username")
    assert first == f"left alone: {sub!r}: it is user {browser.user_id}'s already, and not user {before.pk}'s"
    assert rest == ["adopted: 0", "known: 0", "ambiguous: 1"]
    assert identities() == {sub: int(browser.user_id)}


def test_inactive_user_is_adopted_and_stays_out(browser, adopts, sub):
    make(sub, is_active=False)
    adopts("--from", "username")
    assert browser.sign_in(ADA)["Location"].startswith("/auth/error/account_inactive/")
    assert get_user_model().objects.count() == 1


def test_adopted_user_keeps_a_password_of_its_own(browser, adopts, sub):
    make(sub, password="correct horse")
    adopts("--from", "username")
    browser.sign_in(ADA)
    assert get_user_model().objects.get().check_password("correct horse")


def test_users_of_another_tenant_are_adopted_at_its_issuer(adopts, settings):
    tenant = {"CLIENT_ID": "a", "CLIENT_SECRET": "b" * 32}
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "TENANTS": {
            "default": {**tenant, "ISSUER": ISSUER},
            "partners": {**tenant, "ISSUER": "https://partners.example/"},
        },
    }
    make("auth0|1")
    adopts("--from", "username", "--tenant", "partners")
    assert Identity.objects.get().issuer == "https://partners.example/"
    with pytest.raises(CommandError, match="no tenant"):
        call_command("adopt_users", "--from", "username", "--tenant", "nowhere")


def test_many_users_take_few_statements(adopts, django_assert_max_num_queries):
    get_user_model().objects.bulk_create(
        get_user_model()(username=f"auth0|{number}") for number in range(2_500)
    )
    with django_assert_max_num_queries(80):
        assert adopts("--from", "username")[0] == "adopted: 2500"


# Files.


def test_file_names_users_by_a_field(adopts, tmp_path):
    ada, bob = make("ada"), make("bob")
    file = tmp_path / "users.csv"
    file.write_text("user,sub\nada,auth0|1\nbob,auth0|2\nada,google-oauth2|3\nnobody,auth0|4\n,auth0|5\n")
    said = adopts("--from", "csv", "--file", file, "--match", "username")
    assert said == [
        "left alone: 'auth0|4': no user has 'nobody'",
        "left alone: 'auth0|5': no user has ''",
        "adopted: 3",
        "known: 0",
        "ambiguous: 2",
    ]
    assert identities() == {"auth0|1": ada.pk, "auth0|2": bob.pk, "google-oauth2|3": ada.pk}


def test_sub_that_two_users_have_is_nobodys(adopts, tmp_path):
    ada, bob = make("ada"), make("bob")
    file = tmp_path / "users.csv"
    file.write_text(f"user,sub\n{ada.pk},auth0|1\n{bob.pk},auth0|1\n{ada.pk},auth0|2\n")
    first, *rest = adopts("--from", "csv", "--file", file)
    assert first == f"left alone: 'auth0|1': users {ada.pk}, {bob.pk} have it"
    assert rest[0] == "adopted: 1"


@pytest.mark.parametrize("subject", ["", "a" * 256, "auth0|\x07"], ids=["empty", "long", "control"])
def test_text_that_is_no_sub_is_left_alone(adopts, tmp_path, subject):
    make("ada")
    file = tmp_path / "users.csv"
    file.write_text(f"user,sub\nada,{subject}\n")
    assert "it cannot be a `sub`" in adopts("--from", "csv", "--file", file, "--match", "username")[0]


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        (None, []),
        ("user;sub\n1;2\n", []),
        ('{"user": 1\n', []),
        ("user,sub\n1,2\n", ["--match", "no_such_field"]),
    ],
)
def test_file_that_cannot_be_read_is_an_error(tmp_path, content, arguments):
    file = tmp_path / "users.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CommandError):
        call_command("adopt_users", "--from", "csv", "--file", file, *arguments)
    with pytest.raises(CommandError, match="--file"):
        call_command("adopt_users", "--from", "csv")


def exported(tmp_path, *accounts):
    file = tmp_path / "export.json"
    file.write_text(
        "\n".join(
            json.dumps({"user_id": sub, "email": email, "email_verified": verified})
            for sub, email, verified in accounts
        )
    )
    return file


def username_of(email):
    return base64.urlsafe_b64encode(hashlib.sha1(email.encode()).digest()).rstrip(b"=").decode()


def test_users_of_mozilla_django_oidc_are_found_by_an_export(adopts, tmp_path):
    ada, bob = make(username_of(ADA)), make("bob", email="Bob@example.com")
    file = exported(
        tmp_path,
        ("auth0|1", ADA, True),
        ("auth0|2", "bob@example.com", True),
        ("auth0|3", "carol@example.com", True),
    )
    assert adopts("--from", "mozilla", "--file", file) == ["adopted: 2", "known: 0", "ambiguous: 0"]
    assert identities() == {"auth0|1": ada.pk, "auth0|2": bob.pk}


@pytest.mark.security("L3")
def test_email_that_is_not_verified_proves_nothing(adopts, tmp_path):
    """Anyone can register with it."""
    make("ada", email=ADA)
    said = adopts("--from", "mozilla", "--file", exported(tmp_path, ("auth0|evil", ADA, False)))
    assert said[0] == "left alone: 'auth0|evil': its email is not verified at Auth0"
    assert not Identity.objects.exists()


def test_several_accounts_or_users_with_one_email_are_left_alone(adopts, tmp_path):
    make("ada", email=ADA)
    file = exported(tmp_path, ("auth0|1", ADA, True), ("google-oauth2|2", ADA, True))
    assert adopts("--from", "mozilla", "--file", file)[-1] == "ambiguous: 2"
    make("another ada", email=ADA.upper())
    file = exported(tmp_path, ("auth0|1", ADA, True))
    assert adopts("--from", "mozilla", "--file", file)[0] == "left alone: 'auth0|1': 2 users have its email"
    assert not Identity.objects.exists()


def test_digest_is_that_of_the_package():
    algorithm = pytest.importorskip("mozilla_django_oidc.auth").default_username_algo
    assert algorithm(ADA) == username_of(ADA)


# Tables, and the check.


@pytest.mark.parametrize("source", ["social-auth", "allauth"])
def test_missing_table_is_an_error(source):
    with pytest.raises(CommandError, match="no table"):
        call_command("adopt_users", "--from", source)


def test_check_of_the_database_warns_of_usernames_that_are_subs(adopts):
    def found():
        return [each.id for each in run_checks(tags=["database"], databases=["default"])]

    make("ada")
    assert "stateful_oauth.W071" not in found()
    make("auth0|1")
    assert "stateful_oauth.W071" in found()
    adopts("--from", "username")
    assert "stateful_oauth.W071" not in found()
