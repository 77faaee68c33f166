"""Tests of gateway/errors.py: the tree in its docstring is the tree of its classes."""

import re

from gateway import errors


def classes() -> dict[str, type[errors.GatewayError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
    }


def test_the_tree_in_the_docstring_is_the_one_of_the_classes():
    rows = {}
    parents = ["GatewayError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"((?:[│ ]   )*[├└]── )(\w+)\s+([\w.]+)(\s+retryable)?$", line):
            depth = len(found[1]) // 4
            parents[depth:] = [found[2]]
            rows[found[2]] = (found[3], bool(found[4]), parents[depth - 1])

    told = {
        name: (kind.code, kind.retryable, kind.__base__.__name__)
        for name, kind in classes().items()
    }
    told.pop("GatewayError")
    assert rows == told


def test_every_error_has_a_code_of_its_own():
    codes = [kind.code for kind in classes().values()]
    assert len(codes) == len(set(codes))
