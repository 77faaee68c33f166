"""Tests of gateway/access/scopes.py: the command line knows the same scopes."""

from gateway.access.scopes import Scope
from gateway.commands.tokens_options import SCOPES


def test_the_command_line_names_every_scope():
    assert [scope.value for scope in Scope] == list(SCOPES)
