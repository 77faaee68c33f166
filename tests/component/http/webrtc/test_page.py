"""The page, its settings and the tokens for it, over real sockets."""

import time

import pytest

from gateway.errors import AssetError
from gateway.http.webrtc.page import read_files
from tests.component.http.webrtc.conftest import API_TOKEN, SIGNER, a_token, error_of

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}


async def test_the_page_has_a_strict_policy(client):
    answer = await client.get("/")
    policy = answer.headers["Content-Security-Policy"]

    assert answer.status == 200
    assert answer.content_type == "text/html"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_files_may_be_loaded_by_other_pages(client):
    answer = await client.get("/webrtc/static/widget.js", headers={"Origin": "https://a.example"})

    assert (answer.status, answer.content_type) == (200, "text/javascript")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_what_has_not_changed_is_not_sent_again(client):
    answer = await client.get("/webrtc/static/widget.js", headers={"If-None-Match": '"widget"'})

    assert (answer.status, await answer.text()) == (304, "")


@pytest.mark.parametrize(
    "name", ["none.js", "../index.html", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "%00"]
)
async def test_no_path_leads_out_of_the_folder(client, name):
    answer = await client.get(f"/webrtc/static/{name}")

    assert (await error_of(answer))[0] in (400, 404)


def test_files_are_read_by_kind(tmp_path):
    (tmp_path / "icons").mkdir()
    for name in ("index.html", "app.js", "notes.txt", "icons/phone.svg", "secret.pem"):
        (tmp_path / name).write_text("x")

    files = read_files(tmp_path)

    assert sorted(files) == ["app.js", "icons/phone.svg", "index.html"]
    assert files["app.js"].content_type == "text/javascript; charset=utf-8"


def test_a_page_that_is_not_there_is_told(tmp_path):
    with pytest.raises(AssetError, match=r"index\.html is missing"):
        read_files(tmp_path)


# Settings ------------------------------------------------------------------------------------------


@pytest.fixture
def webrtc(tmp_path):
    (tmp_path / "secret").write_text("north")
    return {
        "turn_secret_file": tmp_path / "secret",
        "ice_servers": [
            {"urls": ["stun:stun.example.com"]},
            {"urls": ["turn:turn.example.com:3478"]},
        ],
    }


async def test_who_may_call_is_told_everything(client):
    settings = await (await client.get("/webrtc/config")).json()

    assert settings["agents"] == ["receptionist", "echo"]
    assert settings["token_needed"] is False
    assert (settings["relay_only"], settings["early_audio"]) == (False, True)
    stun, turn = settings["ice_servers"]
    assert stun == {"urls": ["stun:stun.example.com"]}
    assert int(turn["username"].partition(":")[0]) > time.time() + 7000


async def test_a_stranger_is_told_of_no_account(client):
    answer = await client.get("/webrtc/config", headers={"Host": "phone.example.com"})
    settings = await answer.json()

    assert (settings["agents"], settings["token_needed"]) == ([], True)
    assert settings["ice_servers"] == [{"urls": ["stun:stun.example.com"]}]


async def test_a_token_is_looked_at_and_not_used_up(client):
    headers = {"Host": "phone.example.com", "Authorization": f"Bearer {a_token('echo')}"}

    for _ in range(2):
        settings = await (await client.get("/webrtc/config", headers=headers)).json()
        assert settings["agents"] == ["echo"]
        assert len(settings["ice_servers"]) == 2


async def test_a_bad_token_is_told_before_the_call(client):
    answer = await client.get("/webrtc/config", headers={"Authorization": "Bearer nonsense"})

    assert await error_of(answer) == (401, "token.malformed")


# Tokens --------------------------------------------------------------------------------------------


async def test_a_token_is_minted(client):
    body = {"agent": "echo", "name": "Ann", "subject": "7", "ttl_s": 60, "max_call_s": 120}

    answer = await client.post("/api/v1/webrtc/tokens", json=body, headers=BEARER)
    made = await answer.json()

    assert answer.status == 201
    assert made["expires_at"].endswith("Z")
    claims = SIGNER.check(made["token"], now_s=time.time())
    assert (claims.agent, claims.name, claims.subject) == ("echo", "Ann", "7")
    assert (claims.max_call_s, round(claims.exp_s - time.time(), -1)) == (120, 60)


async def test_everything_has_a_default(client):
    made = await (await client.post("/api/v1/webrtc/tokens", headers=BEARER)).json()

    claims = SIGNER.check(made["token"], now_s=time.time())
    assert claims.agent == "receptionist"
    assert 290 < claims.exp_s - time.time() <= 300


async def test_only_the_operator_mints(client):
    answer = await client.post("/api/v1/webrtc/tokens", json={})

    assert await error_of(answer) == (401, "http.unauthorized")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"agent": "nobody"}', (404, "agent.not_found")),
        ('{"ttl_s": 0}', (400, "http.bad_request")),
        ('{"ttl_s": true}', (400, "http.bad_request")),
        ('{"ttl_s": 86401}', (400, "http.bad_request")),
        ('{"max_call_s": 1}', (400, "http.bad_request")),
        ('{"name": 7}', (400, "http.bad_request")),
        ('{"name": "a\\nb"}', (400, "http.bad_request")),
        ('{"nmae": "Ann"}', (400, "http.bad_request")),
        ("[]", (400, "http.bad_request")),
        ("{", (400, "http.bad_request")),
        ("[" * 60_000, (400, "http.bad_request")),
    ],
)
async def test_a_wrong_wish_is_refused(client, body, expected):
    answer = await client.post("/api/v1/webrtc/tokens", data=body, headers=BEARER)

    assert await error_of(answer) == expected
