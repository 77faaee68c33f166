/**
 * The gateway's HTTP side of a call (WHIP's manners, RFC 9725): POST the offer, PATCH candidates and ICE
 * restarts, DELETE to hang up. Owns the call's resource and its ETag; knows nothing of WebRTC.
 */

const OFFER_BOUND_MS = 40000;
const REQUEST_BOUND_MS = 8000;
const FRAGMENT = "application/trickle-ice-sdpfrag";

export const Kind = Object.freeze({
  /** No answer at all: no network, no gateway, or a wrong origin (which looks the same to a page). */
  NETWORK: "network",
  TIMEOUT: "timeout",
  /** The token is missing, expired, forged or used. */
  TOKEN: "token",
  FORBIDDEN: "forbidden",
  NOT_FOUND: "not_found",
  TOO_MANY: "too_many",
  CAPACITY: "capacity",
  OFFER_REFUSED: "offer_refused",
  /** The call's resource moved on without us: a restart is needed, or the call is gone. */
  STALE: "stale",
  GONE: "gone",
  SERVER: "server",
  /** Browser or page cannot do what a call needs. */
  UNSUPPORTED: "unsupported",
});

const KIND_OF_STATUS = {
  400: Kind.OFFER_REFUSED, 401: Kind.TOKEN, 403: Kind.FORBIDDEN, 404: Kind.NOT_FOUND,
  406: Kind.OFFER_REFUSED, 409: Kind.GONE, 410: Kind.GONE, 412: Kind.STALE, 413: Kind.OFFER_REFUSED,
  415: Kind.OFFER_REFUSED, 422: Kind.OFFER_REFUSED, 428: Kind.STALE, 429: Kind.TOO_MANY,
  503: Kind.CAPACITY,
};

/** A request that did not succeed; `kind` says what it means for the person. */
export class SignallingError extends Error {
  constructor(kind, { status = 0, code = "", detail = "", retryAfterS = null } = {}) {
    super(`${kind} ${status} ${code} ${detail}`.trim());
    Object.assign(this, { kind, status, code, detail, retryAfterS });
  }
}

/** Return seconds of a Retry-After header, in either of its forms, or null. */
export function retryAfterOf(header, nowMs = Date.now()) {
  if (!header) return null;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - nowMs) / 1000));
}

export class Signalling {
  #base;
  #token;
  #fetch;
  #resource = null;
  #etag = "*";
  #leaving = new AbortController();

  /**
   * @param {URL|string} base of the gateway, with a slash at its end
   * @param {string} token of this call; empty for an anonymous one
   * @param {typeof fetch} fetcher
   */
  constructor(base, token = "", fetcher = (...args) => globalThis.fetch(...args)) {
    this.#base = new URL(base);
    this.#token = token;
    this.#fetch = fetcher;
  }

  get hasCall() {
    return this.#resource !== null;
  }

  /** Return the settings of the gateway for calls of this page. */
  async config() {
    const response = await this.#request("GET", new URL("webrtc/config", this.#base));
    return this.#reading(response.json());
  }

  /** Send the offer; return the answer. Waits until the agent answers. */
  async offer(sdp, { agent = "", hasEarlyAudio = false } = {}) {
    const url = new URL("webrtc/calls", this.#base);
    if (agent) url.searchParams.set("agent", agent);
    if (hasEarlyAudio) url.searchParams.set("early", "1");
    const response = await this.#request("POST", url, {
      body: sdp, type: "application/sdp", boundMs: OFFER_BOUND_MS, abort: this.#leaving.signal,
    });
    const location = response.headers.get("Location");
    if (response.status !== 201 || !location) {
      throw new SignallingError(Kind.SERVER, { status: response.status, detail: "no Location" });
    }
    // Beside what was posted to: the gateway does not know by which path of a proxy it is reached.
    const name = new URL(location, url).pathname.split("/").at(-1);
    this.#resource = new URL(`webrtc/calls/${name}`, this.#base);
    this.#etag = response.headers.get("ETag") ?? "*";
    return this.#reading(response.text());
  }

  async sendCandidates(fragment) {
    await this.#patch(fragment, this.#etag);
  }

  /** Ask for an ICE restart; return the gateway's fragment. */
  async restart(fragment) {
    // "*": this page is the only client of the call, whatever it last heard (RFC 9725 section 4.3.3).
    const response = await this.#patch(fragment, "*");
    if (response.status !== 200) {
      throw new SignallingError(Kind.SERVER, { status: response.status, detail: "not restarted" });
    }
    this.#etag = response.headers.get("ETag") ?? "*";
    return this.#reading(response.text());
  }

  /** End the call; the second time does nothing. Survives the page being closed. */
  async hangUp() {
    // An offer that was not answered yet has no resource to delete: its request is given up instead.
    this.#leaving.abort();
    const resource = this.#resource;
    if (resource === null) return;
    this.#resource = null;
    await this.#request("DELETE", resource, { keepalive: true });
  }

  /** Nothing more will be sent: the call is over at the gateway too. */
  forget() {
    this.#resource = null;
  }

  async #patch(fragment, etag) {
    if (this.#resource === null) throw new SignallingError(Kind.GONE, { detail: "no call" });
    try {
      return await this.#request("PATCH", this.#resource, {
        body: fragment, type: FRAGMENT, headers: { "If-Match": etag },
      });
    } catch (error) {
      // A call that was there and is not found any more has ended.
      if (error.kind === Kind.NOT_FOUND) error.kind = Kind.GONE;
      throw error;
    }
  }

  async #request(method, url, options = {}) {
    const { body, type, headers = {}, keepalive = false, boundMs = REQUEST_BOUND_MS, abort } = options;
    const bound = AbortSignal.timeout(boundMs);
    const all = { ...headers };
    if (type) all["Content-Type"] = type;
    if (this.#token) all.Authorization = `Bearer ${this.#token}`;
    let response;
    try {
      response = await this.#fetch(url.href, {
        method, body, headers: all, keepalive, cache: "no-store", credentials: "omit",
        redirect: "error", signal: abort ? AbortSignal.any([bound, abort]) : bound,
      });
    } catch (error) {
      throw new SignallingError(error.name === "TimeoutError" ? Kind.TIMEOUT : Kind.NETWORK, {
        detail: error.message,
      });
    }
    if (response.ok) return response;
    throw await refusalOf(response);
  }

  async #reading(promise) {
    try {
      return await promise;
    } catch (error) {
      throw new SignallingError(Kind.NETWORK, { detail: error.message });
    }
  }
}

/** Return the error of an answer that is not a success: `{"error": {"code", "message"}}`, if it is. */
export async function refusalOf(response) {
  let said = {};
  try {
    said = (await response.json())?.error ?? {};
  } catch {
    // A proxy in between answers in its own way; the status still says what it means.
    said = {};
  }
  const code = typeof said.code === "string" ? said.code : "";
  const kind = code.startsWith("token.") && response.status < 500
    ? Kind.TOKEN : KIND_OF_STATUS[response.status] ?? Kind.SERVER;
  return new SignallingError(kind, {
    status: response.status,
    code,
    detail: typeof said.message === "string" ? said.message : "",
    retryAfterS: retryAfterOf(response.headers.get("Retry-After")),
  });
}
