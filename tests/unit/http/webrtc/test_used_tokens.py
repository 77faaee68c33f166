"""Tests of gateway/http/webrtc/used_tokens.py: once, bounded, and also over a restart."""

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.errors import ApiError
from gateway.http.webrtc.tokens import Claims, TokenRefused
from gateway.http.webrtc.used_tokens import UsedTokens, read_file, write_file

NOW_S = 1_800_000_000.0


def claims(jti: str = "one", until_s: float = NOW_S + 60) -> Claims:
    return Claims(agent="echo", jti=jti, exp_s=until_s)


def test_a_token_is_good_once():
    used = UsedTokens()
    used.use(claims(), NOW_S)

    with pytest.raises(TokenRefused) as refused:
        used.use(claims(), NOW_S + 1)

    assert (refused.value.status, refused.value.code) == (401, "token.replayed")


def test_a_token_given_back_is_good_again():
    used = UsedTokens()
    used.use(claims(), NOW_S)
    used.give_back(claims())

    used.use(claims(), NOW_S)


def test_full_refuses_rather_than_forgets_and_expiry_makes_room():
    used = UsedTokens(limit=2)
    used.use(claims("one"), NOW_S)
    used.use(claims("two", NOW_S + 600), NOW_S)

    with pytest.raises(ApiError) as refused:
        used.use(claims("three"), NOW_S + 59)
    used.use(claims("three"), NOW_S + 60)

    assert (refused.value.status, refused.value.code) == (503, "token.store_full")
    with pytest.raises(TokenRefused):
        used.use(claims("two", NOW_S + 600), NOW_S + 61)


def test_a_restart_does_not_make_a_token_good_again(tmp_path):
    used, again = UsedTokens(), UsedTokens()
    used.use(claims("one"), NOW_S)
    used.use(claims("gone", NOW_S + 1), NOW_S)

    write_file(tmp_path / "used", used.text(NOW_S + 2))
    again.load(read_file(tmp_path / "used"), NOW_S + 2)

    assert len(again) == 1
    with pytest.raises(TokenRefused):
        again.use(claims("one"), NOW_S + 2)
    assert stat.S_IMODE((tmp_path / "used").stat().st_mode) == 0o600


def test_a_disk_that_fails_ends_no_call(tmp_path):
    write_file(tmp_path / "no" / "such" / "folder", "text")

    assert read_file(tmp_path / "missing") == ""
    assert read_file(tmp_path) == ""


@given(st.text(max_size=200))
def test_a_damaged_file_is_read_as_far_as_it_goes(text):
    used = UsedTokens(limit=3)
    used.load(text, NOW_S)

    assert len(used) <= 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), max_size=40))
def test_no_unexpired_token_is_ever_taken_twice(uses):
    used, taken, now_s = UsedTokens(limit=4), {}, NOW_S
    for number, wait_s in uses:
        now_s += wait_s
        jti = f"t{number}"
        until_s = taken.get(jti, now_s + 50)
        try:
            used.use(claims(jti, until_s), now_s)
        except ApiError:
            continue
        assert jti not in taken or taken[jti] <= now_s
        taken[jti] = until_s
    assert len(used) <= 4
