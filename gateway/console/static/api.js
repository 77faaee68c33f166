/** Speaks with the gateway's API. Who is signed in is a cookie that no script can read. */

const HEADER = { "X-Offhook-Console": "1" };
const BOUND_MS = 15_000;
const ICON = new URL("icon.svg", import.meta.url);
const BASE = new URL("../../", import.meta.url);

/** Return the address of a path of the gateway, which may stand behind a path of a proxy. */
export const address = (path) => new URL(path.replace(/^\//, ""), BASE).href;
export const iconAddress = ICON.href;

/** An answer other than success; `code` is stable, `message` is for people. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Called when the API no longer knows us. */
let onSignedOut = () => {};
export function whenSignedOut(listener) { onSignedOut = listener; }

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, { body });

/** Sign in; raises `ApiError`. Returns what the console is told about itself. */
export const signIn = (token) =>
  ask("POST", "/api/v1/session", { headers: { Authorization: `Bearer ${token}` }, isSigningIn: true });
export const signOut = () => ask("DELETE", "/api/v1/session");

async function ask(method, path, { body, headers = {}, isSigningIn = false } = {}) {
  const options = { method, headers: { ...HEADER, ...headers }, signal: AbortSignal.timeout(BOUND_MS) };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch {
    throw new ApiError(0, "network", "The gateway does not answer.");
  }
  const said = await answer.json().catch(() => null);
  if (answer.ok) return said;
  if (answer.status === 401 && !isSigningIn) onSignedOut();
  const { code = "http.failed", message = answer.statusText } = said?.error ?? {};
  throw new ApiError(answer.status, code, message);
}
