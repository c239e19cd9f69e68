"""Register the app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, roles, API tokens."""

    name = "awe_incidents.accounts"
    label = "accounts"
    verbose_name = "Accounts"
