"""The shop's customers."""

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Customer(AbstractBaseUser):
    """A customer. The key is a UUID, and there is no username."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer_number = models.CharField(max_length=40, unique=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "customer_number"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.customer_number
