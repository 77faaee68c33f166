import assert from "node:assert/strict";
import { test } from "node:test";

import {
  candidatesOf, fragmentOf, restarted, transportOf,
} from "../../../../webrtc/static/sdp_fragment.js";

const OFFER = [
  "v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:secret",
  "a=mid:0", "a=rtpmap:111 opus/48000/2",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd",
  "a=ice-pwd:secret", "a=mid:1", "",
].join("\r\n");
const CANDIDATE = "candidate:1 1 udp 2122 192.0.2.7 50000 typ host";

test("the transport is that of the first section", () => {
  assert.deepEqual(transportOf(OFFER), {
    ufrag: "abcd", pwd: "secret", media: "m=audio 9 UDP/TLS/RTP/SAVPF 111", mid: "0",
  });
});

test("a fragment carries credentials, section and candidates, in this order", () => {
  assert.equal(fragmentOf(OFFER, [CANDIDATE], true), [
    "a=ice-ufrag:abcd", "a=ice-pwd:secret", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0",
    `a=${CANDIDATE}`, "a=end-of-candidates", "",
  ].join("\r\n"));
});

test("a fragment of candidates still coming does not say that they end", () => {
  assert.ok(!fragmentOf(OFFER, [CANDIDATE]).includes("end-of-candidates"));
});

test("an answered restart renews all credentials and puts the candidates into the first section", () => {
  const old = OFFER.replace("a=mid:0", "a=candidate:9 1 udp 1 198.51.100.1 1 typ host\r\na=mid:0");
  const answer = `a=ice-ufrag:next\r\na=ice-pwd:renewed\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=${CANDIDATE}\r\na=end-of-candidates\r\n`;
  const sdp = restarted(old, answer);
  assert.equal(sdp.match(/a=ice-ufrag:next/g).length, 2);
  assert.equal(sdp.match(/a=ice-pwd:renewed/g).length, 2);
  assert.ok(!sdp.includes("abcd") && !sdp.includes("198.51.100.1"));
  assert.deepEqual(candidatesOf(sdp), [CANDIDATE]);
  assert.ok(sdp.indexOf(CANDIDATE) < sdp.indexOf("m=application"));
  assert.ok(sdp.indexOf(CANDIDATE) > sdp.indexOf("m=audio"));
  assert.ok(sdp.endsWith("\r\n"));
});

test("a description of one section gets its candidates at the end", () => {
  const single = OFFER.slice(0, OFFER.indexOf("m=application"));
  const sdp = restarted(single, `a=ice-ufrag:u\r\na=ice-pwd:p\r\na=${CANDIDATE}\r\n`);
  assert.ok(sdp.endsWith(`a=${CANDIDATE}\r\n`));
});

test("an answer without credentials is refused", () => {
  assert.throws(() => restarted(OFFER, `a=${CANDIDATE}\r\n`), SyntaxError);
});
