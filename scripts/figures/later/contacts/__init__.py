"""The migrations of contacts as they stand, and one more: both folders are this package's."""

from tenant_apps.contacts import migrations

__path__ += migrations.__path__
