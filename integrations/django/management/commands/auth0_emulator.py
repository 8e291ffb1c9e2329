"""Run the Auth0 emulator for this project."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.urls import NoReverseMatch

from stateful_oauth.django.conf import conf
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

USAGE = 2


class Command(BaseCommand):
    """`manage.py auth0_emulator`: a local tenant with this project's application, until interrupted."""

    help = (
        "Run a local Auth0 tenant for development. Its application has the client, callbacks, and logout "
        "URLs of this project's settings. Users keep their subjects. Prints the settings to use."
    )
    requires_system_checks = ()  # the settings may lead to the emulator only after what this command prints

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the tenant, the port and the users."""
        parser.add_argument(
            "--tenant", help="The tenant's alias in the settings. The default is the first one."
        )
        parser.add_argument(
            "--port", type=int, help="The default is the issuer's port, or 9400. 0 takes a free port."
        )
        page = documentation("testing", "develop-without-an-auth0-tenant")
        parser.add_argument("--people", type=Path, help=f"JSON with users and more: see {page}")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's own
        """Serve.

        Raises:
            CommandError: The extra is not installed, the settings are not complete, or the port is taken (1);
                there is no such tenant, or the file is not usable (2).
        """
        if find_spec("werkzeug") is None:
            raise CommandError("Install the extra: pip install 'django-stateful-oauth[emulator]'")
        # The emulator is for development: nothing of a running site imports it.
        local: Any = import_module("stateful_oauth.testing.local_tenant")
        try:
            alias = options["tenant"] or conf.tenant_aliases[0]
            port = local.port_of_settings(alias) if options["port"] is None else options["port"]
            people = json.loads(options["people"].read_text("utf-8")) if options["people"] else None
            server = local.server_for(alias, port=port, people=people).start()
        except KeyError as error:
            known = ", ".join(conf.tenant_aliases)
            raise CommandError(
                f"There is no tenant {error.args[0]!r}. There are: {known}.", returncode=USAGE
            ) from error
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        except NoReverseMatch as error:
            raise CommandError(
                f"A URL of the application cannot be made: {error}. Include 'stateful_oauth.django.urls' in "
                "your URLconf, under a path without parameters, and name existing patterns in your settings."
            ) from error
        except (local.SeedError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CommandError(f"The file is not usable: {error}", returncode=USAGE) from error
        except ValueError as error:
            raise CommandError(f"The settings are not usable: {error}") from error
        except OSError as error:
            raise CommandError(f"The emulator cannot start: {error}") from error
        try:
            self._tell(local.settings_for(alias, server.tenant.issuer), server.tenant, alias)
            server.wait()
        except KeyboardInterrupt:
            pass
        finally:
            server.stop()

    def _tell(self, keys: dict[str, Any], tenant: Any, alias: str) -> None:
        self.stdout.write(f"Auth0 emulator at {tenant.issuer}")
        place = f"STATEFUL_OAUTH['TENANTS'][{alias!r}]" if conf.tenants else "STATEFUL_OAUTH"
        self.stdout.write(f"Use these settings in {place}, and leave the others as they are:")
        for key, value in keys.items():
            where = (
                "" if key != "ALLOW_INSECURE_HTTP_ON_LOOPBACK" or not conf.tenants else "  # beside TENANTS"
            )
            self.stdout.write(f"    {key!r}: {value!r},{where}")
        self.stdout.write("Users:")
        for user in tenant.people.users.values():
            self.stdout.write(f"    {user.email or '(no email)'}  {user.user_id}")
        self.stdout.flush()
