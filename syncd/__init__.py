"""syncd keeps a CRM's contacts and Google Contacts in step, both ways, and never deletes one."""

__version__ = "0.1.0"
