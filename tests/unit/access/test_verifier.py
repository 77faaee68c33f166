"""Tests of gateway/access/verifier.py: which token is who, and what a wrong one is told."""

from gateway.access.login_throttle import FREE
from gateway.access.scopes import EVERYTHING, Scope, allows
from gateway.access.verifier import FULL, LONGEST_TOKEN, Granted, Refused, Verifier, digest_of

READER = frozenset({Scope.READ})


class Named:
    def find(self, digest):
        return ("reader", READER) if digest == digest_of("a reader's token") else None


def verifier(at: list[float] | None = None) -> Verifier:
    times = at if at is not None else [0.0]
    return Verifier("the full token", Named(), clock=lambda: times[0])


def test_the_full_token_may_do_everything():
    assert verifier().verify("the full token", "192.0.2.1") == Granted(FULL, EVERYTHING)
    assert all(allows(EVERYTHING, scope) for scope in Scope)


def test_a_named_token_may_do_what_it_says():
    granted = verifier().verify("a reader's token", "192.0.2.1")

    assert granted == Granted("reader", READER)
    assert [scope for scope in Scope if allows(granted.scopes, scope)] == [Scope.READ]


def test_admin_is_everything():
    assert all(allows(frozenset({Scope.ADMIN}), scope) for scope in Scope)


def test_anything_else_is_refused():
    for wrong in ("", "the full toke", "the full token ", "x" * (LONGEST_TOKEN + 1), "\udcff", "ä"):
        assert verifier().verify(wrong, "192.0.2.1") == Refused()


def test_an_empty_token_is_never_the_right_one():
    assert Verifier("").verify("", "") == Refused()


def test_guessing_is_slowed_down_and_time_heals():
    at = [0.0]
    guarded = verifier(at)
    for _ in range(FREE + 1):
        assert guarded.verify("a guess", "192.0.2.1") == Refused()

    assert guarded.verify("a guess", "192.0.2.1") == Refused(1)
    assert guarded.verify("the full token", "192.0.2.1") == Refused(1)
    assert isinstance(guarded.verify("the full token", "192.0.2.2"), Granted)
    at[0] = 1.0
    assert isinstance(guarded.verify("the full token", "192.0.2.1"), Granted)


def test_asking_without_a_token_is_no_guess():
    guarded = verifier()
    for _ in range(10 * FREE):
        assert guarded.verify("", "192.0.2.1") == Refused()

    assert isinstance(guarded.verify("the full token", "192.0.2.1"), Granted)


def test_looking_again_at_who_was_let_in_is_no_guess():
    guarded = verifier()
    assert guarded.holds("a reader's token") == Granted("reader", READER)
    for _ in range(10 * FREE):
        assert guarded.holds("a token that was taken away") is None
        assert guarded.holds("") is None

    assert isinstance(guarded.verify("the full token", "192.0.2.1"), Granted)
