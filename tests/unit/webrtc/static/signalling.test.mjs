import assert from "node:assert/strict";
import { test } from "node:test";

import { Kind, Signalling, SignallingError, retryAfterOf } from "../../../../webrtc/static/signalling.js";
import { tokenFrom } from "../../../../webrtc/static/token_source.js";

const BASE = "https://calls.example.org/voice/";

/** A gateway that answers in order and writes down what it was asked. */
function gateway(...answers) {
  const asked = [];
  const fetcher = async (url, options) => {
    asked.push({ url, ...options });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { asked, fetcher };
}

const created = () => new Response("v=0 answer", {
  status: 201, headers: { Location: "/webrtc/calls/r-1", ETag: '"one"' },
});
const refused = (status, code, headers = {}) =>
  new Response(JSON.stringify({ error: { code, message: "no" } }), { status, headers });

async function inCall(...answers) {
  const { asked, fetcher } = gateway(created(), ...answers);
  const signalling = new Signalling(BASE, "jwt", fetcher);
  await signalling.offer("v=0 offer", { agent: "front desk", hasEarlyAudio: true });
  return { asked, signalling };
}

test("an offer is posted with agent, early audio and token, and gives the answer", async () => {
  const { asked, fetcher } = gateway(created());
  const answer = await new Signalling(BASE, "jwt", fetcher).offer("v=0 offer", {
    agent: "front desk", hasEarlyAudio: true,
  });
  assert.equal(answer, "v=0 answer");
  assert.equal(asked[0].url, "https://calls.example.org/voice/webrtc/calls?agent=front+desk&early=1");
  assert.equal(asked[0].method, "POST");
  assert.deepEqual(asked[0].headers, { "Content-Type": "application/sdp", Authorization: "Bearer jwt" });
});

test("an anonymous offer to the default agent says nothing of either", async () => {
  const { asked, fetcher } = gateway(created());
  await new Signalling(BASE, "", fetcher).offer("v=0 offer");
  assert.equal(asked[0].url, "https://calls.example.org/voice/webrtc/calls");
  assert.equal(asked[0].headers.Authorization, undefined);
});

test("candidates go with the current ETag, a restart with any, and its answer renews the ETag", async () => {
  const { asked, signalling } = await inCall(
    new Response(null, { status: 204 }),
    new Response("a=ice-ufrag:x", { status: 200, headers: { ETag: '"two"' } }),
    new Response(null, { status: 204 }),
  );
  await signalling.sendCandidates("a=candidate:1");
  assert.equal(await signalling.restart("a=ice-ufrag:y"), "a=ice-ufrag:x");
  await signalling.sendCandidates("a=candidate:2");
  assert.deepEqual(asked.slice(1).map(({ headers }) => headers["If-Match"]), ['"one"', "*", '"two"']);
  assert.ok(asked.slice(1).every(({ url, method }) =>
    method === "PATCH" && url === "https://calls.example.org/voice/webrtc/calls/r-1"));
});

for (const location of ["/webrtc/calls/r-1", "/voice/webrtc/calls/r-1", "http://127.0.0.1:8080/webrtc/calls/r-1"]) {
  test(`behind a path of a proxy the call at ${location} is ended where it was made`, async () => {
    const answer = new Response("v=0", { status: 201, headers: { Location: location } });
    const { asked, fetcher } = gateway(answer, new Response());
    const signalling = new Signalling(BASE, "", fetcher);
    await signalling.offer("v=0 offer");
    await signalling.hangUp();
    assert.equal(asked[1].url, "https://calls.example.org/voice/webrtc/calls/r-1");
  });
}

test("hanging up deletes the call once, and outlives the page", async () => {
  const { asked, signalling } = await inCall(new Response());
  await signalling.hangUp();
  await signalling.hangUp();
  assert.deepEqual(asked.slice(1).map(({ method, keepalive }) => [method, keepalive]), [["DELETE", true]]);
});

test("hanging up while the agent is answering gives the offer up", async () => {
  const fetcher = (url, { signal }) => new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const signalling = new Signalling(BASE, "", fetcher);
  const offering = signalling.offer("v=0 offer");
  await signalling.hangUp();
  await assert.rejects(offering, SignallingError);
});

test("a call that is over at the gateway is not deleted again", async () => {
  const { asked, signalling } = await inCall();
  signalling.forget();
  await signalling.hangUp();
  assert.equal(asked.length, 1);
});

for (const [status, code, kind] of [
  [400, "sdp.malformed", Kind.OFFER_REFUSED], [401, "token.expired", Kind.TOKEN],
  [403, "webrtc.origin", Kind.FORBIDDEN], [403, "token.wrong_agent", Kind.TOKEN],
  [404, "agent.not_found", Kind.NOT_FOUND], [413, "sdp.too_large", Kind.OFFER_REFUSED],
  [429, "http.too_many_requests", Kind.TOO_MANY], [500, "http.internal", Kind.SERVER],
  [503, "webrtc.full", Kind.CAPACITY], [503, "token.store_full", Kind.CAPACITY], [502, "", Kind.SERVER],
]) {
  test(`${status} ${code} means ${kind}`, async () => {
    const { fetcher } = gateway(refused(status, code, { "Retry-After": "7" }));
    await assert.rejects(new Signalling(BASE, "", fetcher).offer("v=0"), {
      kind, status, code, retryAfterS: 7,
    });
  });
}

test("a proxy's answer in its own words still means its status", async () => {
  const { fetcher } = gateway(new Response("<h1>Bad gateway</h1>", { status: 503 }));
  await assert.rejects(new Signalling(BASE, "", fetcher).config(), { kind: Kind.CAPACITY, code: "" });
});

test("no answer at all is the network, a late one is a timeout", async () => {
  const late = Object.assign(new Error("late"), { name: "TimeoutError" });
  const { fetcher } = gateway(new TypeError("Failed to fetch"), late);
  const signalling = new Signalling(BASE, "", fetcher);
  await assert.rejects(signalling.config(), { kind: Kind.NETWORK });
  await assert.rejects(signalling.config(), { kind: Kind.TIMEOUT });
});

test("an answer without a Location is no call", async () => {
  const { fetcher } = gateway(new Response("v=0", { status: 201 }));
  await assert.rejects(new Signalling(BASE, "", fetcher).offer("v=0"), { kind: Kind.SERVER });
});

test("a call that is not found any more is gone, and one that was never made too", async () => {
  const { signalling } = await inCall(refused(404, "call.not_found"));
  await assert.rejects(signalling.restart("a=ice-ufrag:y"), { kind: Kind.GONE });
  await assert.rejects(new Signalling(BASE, "").restart("x"), { kind: Kind.GONE });
});

test("Retry-After is read in both of its forms", () => {
  assert.equal(retryAfterOf("30"), 30);
  assert.equal(retryAfterOf("Thu, 01 Jan 1970 00:01:00 GMT", 30_000), 30);
  assert.equal(retryAfterOf("Thu, 01 Jan 1970 00:00:00 GMT", 30_000), 0);
  assert.equal(retryAfterOf("soon"), null);
  assert.equal(retryAfterOf(null), null);
});

test("a widget's token is asked for once for each call", async () => {
  const { asked, fetcher } = gateway(Response.json({ token: "a" }), Response.json({ token: "b" }));
  const source = tokenFrom("/token", "desk", fetcher);
  assert.deepEqual([await source(), await source()], ["a", "b"]);
  assert.deepEqual([asked[0].method, asked[0].body], ["POST", '{"agent":"desk"}']);
  assert.equal(await tokenFrom("", "desk", fetcher)(), "");
});

test("a page that gives no token is told apart from one that cannot be reached", async () => {
  const { fetcher } = gateway(new Response("", { status: 500 }), Response.json({}), new TypeError("net"));
  const source = tokenFrom("/token", "desk", fetcher);
  await assert.rejects(source(), { kind: Kind.TOKEN, code: "token.unavailable" });
  await assert.rejects(source(), { kind: Kind.TOKEN, code: "token.unavailable" });
  await assert.rejects(source(), { kind: Kind.NETWORK });
});
