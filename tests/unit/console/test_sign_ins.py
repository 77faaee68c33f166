"""Keys for cookies: random, for a while, bounded, and gone when signed out."""

from gateway.console.sign_ins import SignIns


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_key_stands_for_its_token_until_it_ends():
    clock = Clock()
    sign_ins = SignIns(lasts_s=60, clock=clock)
    key = sign_ins.sign_in("t" * 20)

    assert sign_ins.token(key) == "t" * 20
    clock.now_s += 59.9
    assert sign_ins.token(key) == "t" * 20
    clock.now_s += 0.1
    assert sign_ins.token(key) is None
    assert len(sign_ins) == 0


def test_keys_differ_and_others_are_worthless():
    sign_ins = SignIns(lasts_s=60, clock=Clock())
    one, two = sign_ins.sign_in("a" * 20), sign_ins.sign_in("a" * 20)

    assert one != two
    assert len(one) >= 43
    assert sign_ins.token(one[:-1]) is None
    assert sign_ins.token("") is None
    assert sign_ins.token("\udcff") is None


def test_signing_out_ends_one_key_only():
    sign_ins = SignIns(lasts_s=60, clock=Clock())
    one, two = sign_ins.sign_in("a" * 20), sign_ins.sign_in("a" * 20)

    sign_ins.sign_out(one)
    sign_ins.sign_out(one)

    assert sign_ins.token(one) is None
    assert sign_ins.token(two) == "a" * 20


def test_when_full_the_one_unused_for_longest_goes():
    sign_ins = SignIns(lasts_s=60, clock=Clock(), most=2)
    one, two = sign_ins.sign_in("1" * 20), sign_ins.sign_in("2" * 20)
    sign_ins.token(one)

    three = sign_ins.sign_in("3" * 20)

    assert sign_ins.token(two) is None
    assert sign_ins.token(one)
    assert sign_ins.token(three)


def test_what_is_kept_does_not_show_the_keys():
    sign_ins = SignIns(lasts_s=60, clock=Clock())
    key = sign_ins.sign_in("a" * 20)

    assert key.encode() not in repr(vars(sign_ins)).encode()
