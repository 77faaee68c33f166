/**
 * Trickle ICE fragments (RFC 8840 section 9) as WHIP carries them (RFC 9725 section 4.3): what the page
 * sends for its candidates and for an ICE restart, and how the gateway's answer to a restart is put
 * into the description of the call.
 */

const EOL = "\r\n";
const CREDENTIAL = /^a=ice-(ufrag|pwd):/;
const CANDIDATE = /^a=(candidate:|end-of-candidates)/;

function lines(text) {
  return text.split(/\r\n|\n/).filter((line) => line !== "");
}

function value(all, prefix) {
  const found = all.find((line) => line.startsWith(prefix));
  return found === undefined ? "" : found.slice(prefix.length);
}

/** Return ufrag, pwd, and the first section's m-line and mid: the section that carries the bundle. */
export function transportOf(sdp) {
  const all = lines(sdp);
  return {
    ufrag: value(all, "a=ice-ufrag:"),
    pwd: value(all, "a=ice-pwd:"),
    media: all.find((line) => line.startsWith("m=")) ?? "m=audio 9 UDP/TLS/RTP/SAVPF 0",
    mid: value(all, "a=mid:"),
  };
}

/** Return the candidates written in a description, each as the text after `a=`. */
export function candidatesOf(sdp) {
  return lines(sdp)
    .filter((line) => line.startsWith("a=candidate:"))
    .map((line) => line.slice(2));
}

/**
 * Return a fragment for candidates of a local description.
 *
 * @param {string} sdp the local description that the candidates belong to
 * @param {string[]} candidates as `RTCIceCandidate.candidate` writes them
 * @param {boolean} isComplete whether no more will come
 */
export function fragmentOf(sdp, candidates, isComplete = false) {
  const { ufrag, pwd, media, mid } = transportOf(sdp);
  return [
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    media,
    `a=mid:${mid}`,
    ...candidates.map((candidate) => `a=${candidate.replace(/^a=/, "")}`),
    ...(isComplete ? ["a=end-of-candidates"] : []),
    "",
  ].join(EOL);
}

/**
 * Return the gateway's description with the credentials and candidates of its answer to a restart.
 *
 * Everything else stays (RFC 9725 section 4.3.3: a restart changes nothing but the transport). Throws
 * `SyntaxError` if the fragment has no credentials.
 */
export function restarted(remoteSdp, fragment) {
  const { ufrag, pwd } = transportOf(fragment);
  if (!ufrag || !pwd) throw new SyntaxError("an answer to an ICE restart without credentials");
  const added = [
    ...candidatesOf(fragment).map((candidate) => `a=${candidate}`),
    ...(fragment.includes("a=end-of-candidates") ? ["a=end-of-candidates"] : []),
  ];
  const kept = lines(remoteSdp).filter((line) => !CANDIDATE.test(line));
  const renewed = kept.map((line) => {
    if (!CREDENTIAL.test(line)) return line;
    return line.startsWith("a=ice-ufrag:") ? `a=ice-ufrag:${ufrag}` : `a=ice-pwd:${pwd}`;
  });
  const first = renewed.findIndex((line) => line.startsWith("m="));
  const second = renewed.findIndex((line, index) => index > first && line.startsWith("m="));
  renewed.splice(second === -1 ? renewed.length : second, 0, ...added);
  return [...renewed, ""].join(EOL);
}
