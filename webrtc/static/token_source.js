/** Gets a token for each call from the server of the page that carries the widget. */

import { Kind, SignallingError } from "./signalling.js";

const BOUND_MS = 8000;

/**
 * Return a function that resolves to a fresh token, or to "" where the page named no address.
 *
 * It rejects with `SignallingError`: `token.unavailable` where the page's server gives none.
 */
export function tokenFrom(url, agent, fetcher = (...args) => globalThis.fetch(...args)) {
  return async () => {
    if (url === "") return "";
    let token;
    try {
      const response = await fetcher(url, {
        method: "POST", headers: { "Content-Type": "application/json" }, cache: "no-store",
        body: JSON.stringify({ agent }), signal: AbortSignal.timeout(BOUND_MS),
      });
      token = response.ok ? (await response.json())?.token : undefined;
    } catch (error) {
      throw new SignallingError(Kind.NETWORK, { detail: error.message });
    }
    if (typeof token !== "string" || token === "") {
      throw new SignallingError(Kind.TOKEN, { code: "token.unavailable" });
    }
    return token;
  };
}
