"""The test project with a backend of the Tasks API that keeps tasks in the database, for worker processes.

Each process has a tenant of its own in memory; what it keeps lies in the database that the environment names.
"""

import os

import django

from tests.support import tenants
from tests.support.testsite.settings import *  # noqa: F403 - as settings modules do
from tests.support.testsite.settings import DATABASES, INSTALLED_APPS

tenants.current.append(tenants.make_tenant())
DATABASES = {"default": {**DATABASES["default"], "NAME": os.environ["STATEFUL_OAUTH_TEST_DATABASE"]}}
INSTALLED_APPS = [
    *INSTALLED_APPS,
    *([] if django.VERSION >= (6, 0) else ["django_tasks"]),
    "django_tasks_db",
]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default", "night"]}}
