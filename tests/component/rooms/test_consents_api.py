"""Consents by the API: kept once, for one channel, for all addresses of the person."""

import pytest

from tests.component.rooms.house import ANN, BOB


async def test_a_consent_is_in_the_ledger_once_and_may_end(house):
    body = {"address": f"whatsapp:{ANN}", "idempotency_key": "form-7"}
    answers = [await house.ask("POST", "/api/v1/consents", body) for _ in range(2)]
    assert [status for status, _ in answers] == [201, 200]
    assert answers[0][1] == {
        "address": f"whatsapp:{ANN}",
        "channel": "whatsapp",
        "given": True,
        "duplicate": False,
    }
    _, told = await house.ask("GET", f"/api/v1/consents?address=%2B{ANN[1:]}")
    (line,) = told["consents"]
    assert (line["address"], line["channel"], line["source"]) == (ANN, "whatsapp", "api:form-7")
    assert (told["given"], told["next_before"]) == ({"whatsapp": True}, None)

    await house.ask("POST", "/api/v1/consents", {"address": ANN})
    await house.ask("POST", "/api/v1/consents", {**body, "given": False, "idempotency_key": ""})
    _, told = await house.ask("GET", f"/api/v1/consents?address=%2B{ANN[1:]}")
    assert told["given"] == {"sms": True, "whatsapp": False}
    _, told = await house.ask("GET", "/api/v1/consents?limit=2")
    assert [line["channel"] for line in told["consents"]] == ["whatsapp", "sms"]
    _, told = await house.ask("GET", f"/api/v1/consents?before={told['next_before']}")
    assert [line["seq"] for line in told["consents"]] == [1]


async def test_what_a_person_allowed_by_one_address_is_told_for_all(house):
    await house.ask("POST", "/api/v1/identities", {"address": "email:ann@x.org", "person": ANN})
    await house.ask("POST", "/api/v1/consents", {"address": "ann@x.org"})
    for address, given in ((ANN, {"email": True}), (BOB, {})):
        _, told = await house.ask("GET", f"/api/v1/consents?address=%2B{address[1:]}")
        assert told["given"] == given


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "pigeon:7"}, "address"),
        ({"address": "0151 12345678", "channel": "sms"}, "address"),
        ({"address": f"sms:{ANN}", "channel": "whatsapp"}, "address"),
        ({"address": ANN, "channel": "pigeon"}, "channel"),
        ({"channel": "sms"}, "address"),
    ],
)
async def test_what_is_wrong_with_a_consent_is_named(house, body, field):
    status, told = await house.ask("POST", "/api/v1/consents", body)
    assert status == 400
    assert told["error"]["message"].startswith(f"{field}:")
