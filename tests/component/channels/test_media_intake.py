"""Files of inbound messages: fetched with credentials, kept, told of in the room, served; whatever goes wrong."""

import asyncio
import errno
from urllib.parse import urlsplit

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from gateway.channels.http_client import basic_authorization
from gateway.channels.media_fetch import MediaFetcher
from gateway.channels.media_folder import MediaFolder
from gateway.channels.media_intake import MediaIntake
from gateway.errors import ProviderUnavailable, StoreError
from gateway.http import media as media_routes
from gateway.model.messages import Channel, InboundMessage, Media
from gateway.store import media, room_lines
from gateway.store.media import MediaStatus
from gateway.store.schema import timeline
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

PICTURE = b"\x89PNG\r\n" + bytes(1000)
TOKEN = "t" * 32


class Rig:
    def __init__(self, twilio, folder):
        self.twilio, self.folder = twilio, folder
        self.database = DirectDatabase()
        self.now = 1_000.0
        host = urlsplit(twilio.url).netloc
        self.fetcher = MediaFetcher(
            {host: basic_authorization(ACCOUNT_SID, AUTH_TOKEN)},
            is_trusted=lambda name: name == host,
        )
        self.room_id = ""

    def intake(self, **more):
        settings = {"clock": lambda: self.now, "tries_most": 3, **more}
        database = settings.pop("database", self.database)
        return MediaIntake(database, settings.pop("folder", self.folder), self.fetcher, **settings)

    def receive(self, *urls, kind="image/png", provider_id="SM1"):
        message = InboundMessage(
            provider="twilio",
            provider_id=provider_id,
            channel=Channel.SMS,
            sender="+491701",
            recipient="+4930100",
            text="look",
            received_at=1.0,
            media=tuple(Media(url=url, content_type=kind) for url in urls),
        )

        def work(connection):
            self.room_id = room_lines.room_of_message(connection, message, at=1.0)
            return media.expect(connection, self.room_id, message, at=1.0)

        return self.database.run(work)

    def files(self):
        return self.database.run(
            lambda connection: media.of_room(connection, self.room_id, limit=50)
        )[::-1]

    def told(self):
        rows = self.database.run(lambda connection: connection.execute(select(timeline)).all())
        return [(row.kind, row.facts["media_id"]) for row in rows]

    async def run(self, intake, until):
        task = asyncio.create_task(intake.run())
        try:
            async with asyncio.timeout(10):
                while not until():
                    intake.look()
                    await asyncio.sleep(0.01)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def settle(self, intake):
        await self.run(
            intake, lambda: all(file.status is not MediaStatus.WAITING for file in self.files())
        )


@pytest.fixture
async def rig(tmp_path):
    async with TwilioStandIn() as twilio:
        twilio.media["cat.png"] = ("image/png", PICTURE)
        made = Rig(twilio, MediaFolder(tmp_path))
        yield made
        made.database.close()


async def test_a_picture_is_kept_told_of_and_served_with_the_token_only(rig):
    assert rig.receive(f"{rig.twilio.url}/media/cat.png") == 1
    await rig.settle(rig.intake())
    (file,) = rig.files()
    assert (file.status, file.size_bytes) == (MediaStatus.FETCHED, len(PICTURE))
    assert rig.told() == [("file_received", file.media_id)]
    assert rig.folder.path(file.media_id).stat().st_mode & 0o777 == 0o600

    gateway = FakeGateway()
    app = gateway.app(TOKEN)
    media_routes.add_routes(app, rig.database, rig.folder)
    async with TestClient(TestServer(app)) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"/api/v1/media/{file.media_id}"
        assert (await client.get(url)).status == 401
        answer = await client.get(url, headers=headers)
        assert await answer.read() == PICTURE
        assert answer.content_type == "image/png"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        listed = await client.get(f"/api/v1/rooms/{rig.room_id}/media", headers=headers)
        assert [item["url"] for item in (await listed.json())["media"]] == [url]
        assert (await client.get("/api/v1/media/f_none", headers=headers)).status == 404
        rig.folder.remove(file.media_id)
        assert (await client.get(url, headers=headers)).status == 410


async def test_the_same_message_twice_is_the_same_file(rig):
    url = f"{rig.twilio.url}/media/cat.png"
    assert rig.receive(url) == 1
    assert rig.receive(url) == 0
    await rig.settle(rig.intake())
    assert len(rig.told()) == 1


async def test_bad_files_are_told_of_and_the_good_one_comes_all_the_same(rig):
    rig.twilio.media["page"] = ("text/html", b"<script>")
    rig.receive(
        f"{rig.twilio.url}/media/page",
        "http://169.254.169.254/latest/meta-data",
        "no url",
        f"{rig.twilio.url}/media/none.png",
        f"{rig.twilio.url}/media/cat.png",
    )
    await rig.settle(rig.intake())
    assert [file.status for file in rig.files()] == [MediaStatus.REFUSED] * 4 + [
        MediaStatus.FETCHED
    ]
    assert sorted(kind for kind, _ in rig.told()) == ["file_failed"] * 4 + ["file_received"]
    assert all(file.error for file in rig.files()[:4])


async def test_an_outage_is_tried_again_and_in_the_end_given_up(rig):
    class Down:
        asked = 0

        async def fetch(self, url):
            self.asked += 1
            raise ProviderUnavailable("the file's server answered 503")

    rig.fetcher = Down()
    rig.receive("https://example.com/a.png")
    intake = rig.intake()

    def pass_time():
        rig.now += 30.0
        return rig.files()[0].status is MediaStatus.FAILED

    await rig.run(intake, pass_time)
    assert rig.fetcher.asked == 3
    assert rig.told() == [("file_failed", rig.files()[0].media_id)]


async def test_a_full_disk_leaves_no_half_file_and_the_next_try_keeps_it(rig, monkeypatch):
    def full(self, media_id, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    rig.receive(f"{rig.twilio.url}/media/cat.png")
    monkeypatch.setattr(MediaFolder, "write", full)
    await rig.run(rig.intake(), lambda: rig.files()[0].tries == 1)
    assert "No space" in rig.files()[0].error
    assert rig.told() == []
    monkeypatch.undo()
    rig.now += 60.0
    await rig.settle(rig.intake())
    assert rig.files()[0].status is MediaStatus.FETCHED


async def test_a_life_that_ended_in_the_middle_is_made_good_by_the_next(rig):
    rig.twilio.media_delay_s = 30
    rig.receive(f"{rig.twilio.url}/media/cat.png")
    intake = rig.intake()
    await rig.run(intake, lambda: bool(intake._under_way))
    assert rig.files()[0].status is MediaStatus.WAITING
    rig.twilio.media_delay_s = 0
    await rig.settle(rig.intake())
    assert rig.files()[0].status is MediaStatus.FETCHED


async def test_a_store_that_is_away_costs_a_wait_and_no_file(rig):
    class Away:
        down = True

        async def read(self, query):
            if self.down:
                raise StoreError("the disk is gone")
            return await rig.database.read(query)

        async def transact(self, work):
            return await rig.database.transact(work)

    rig.receive(f"{rig.twilio.url}/media/cat.png")
    away = Away()
    intake = rig.intake(database=away)
    task = asyncio.create_task(intake.run())
    await asyncio.sleep(0.05)
    assert not task.done()
    away.down = False
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await rig.settle(intake)
    assert rig.files()[0].status is MediaStatus.FETCHED


async def test_the_space_for_all_files_is_bounded(rig):
    rig.receive(f"{rig.twilio.url}/media/cat.png")
    await rig.settle(rig.intake(total_most=500))
    rig.receive(f"{rig.twilio.url}/media/cat.png", provider_id="SM2")
    await rig.settle(rig.intake(total_most=500))
    assert sorted(file.status for file in rig.files()) == [
        MediaStatus.FETCHED,
        MediaStatus.REFUSED,
    ]


async def test_what_came_inside_a_message_is_taken_from_the_spool(rig):
    url = rig.folder.spool(PICTURE)
    rig.receive(url, "spool:../../etc/passwd", "spool:" + "0" * 64)
    await rig.settle(rig.intake())
    assert [file.status for file in rig.files()] == [
        MediaStatus.FETCHED,
        MediaStatus.REFUSED,
        MediaStatus.REFUSED,
    ]
    assert rig.folder.read(rig.files()[0].media_id) == PICTURE
    assert rig.folder.forget_spooled(before=2**40) == 1


async def test_a_providers_own_id_is_turned_into_an_address(rig):
    async def resolve(url):
        assert url == "telegram:abc"
        return f"{rig.twilio.url}/media/cat.png"

    rig.receive("telegram:abc")
    await rig.settle(rig.intake(resolvers={"telegram": resolve}))
    assert rig.files()[0].status is MediaStatus.FETCHED
