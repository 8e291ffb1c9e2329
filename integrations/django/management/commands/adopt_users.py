"""Give users of another package, or of an own one, their identities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.users.adopting import adopt
from stateful_oauth.django.users.sources import SOURCES, Options, SourceMissing

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """`manage.py adopt_users --from social-auth --dry-run`."""

    help = (
        "Make identities for users who are there already, so that they sign in as themselves. Existing "
        "identities stay as they are. Run it again at any time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the source, and what it may be told."""
        parser.add_argument(
            "--from",
            required=True,
            choices=[*SOURCES],
            dest="source",
            help="Where the `sub` of each user is: the username, another package's table, or a file.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only report; change nothing.")
        parser.add_argument(
            "--tenant", default=DEFAULT_TENANT, help="The tenant whose users they are (default: %(default)s)."
        )
        parser.add_argument(
            "--provider",
            action="append",
            default=[],
            help="For social-auth and allauth: the provider's name in the table. Can be repeated.",
        )
        parser.add_argument(
            "--file",
            type=Path,
            help="For csv: columns `user` and `sub`. For mozilla: an export of Auth0's users, with "
            "`user_id`, `email`, and `email_verified`, as CSV or as one JSON object a line.",
        )
        parser.add_argument(
            "--match",
            default="pk",
            help="For csv: which field of the user the column `user` holds (default: %(default)s).",
        )
        parser.add_argument(
            "--any-username",
            action="store_true",
            help="For username: take usernames without a `|`, too, for a provider that is not Auth0.",
        )

    def handle(self, **options: Any) -> None:
        """Adopt, and print what was left alone and why.

        Raises:
            CommandError: What the source reads is not there, or there is no such tenant.
        """
        if options["tenant"] not in conf.tenant_aliases:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        told = Options(
            providers=options["provider"],
            file=options["file"],
            match=options["match"],
            any_username=options["any_username"],
        )
        issuer, dry_run = conf.tenant(options["tenant"]).issuer, options["dry_run"]
        try:
            report = adopt(SOURCES[options["source"]](told), issuer=issuer, dry_run=dry_run)
        except SourceMissing as error:
            raise CommandError(str(error)) from error
        if options["verbosity"] > 0:
            for subject, reason in report.ambiguous:
                self.stdout.write(f"left alone: {subject!r}: {reason}")
            self.stdout.write(f"{'would adopt' if dry_run else 'adopted'}: {report.adopted}")
            self.stdout.write(f"known: {report.known}")
            self.stdout.write(f"ambiguous: {len(report.ambiguous)}")
