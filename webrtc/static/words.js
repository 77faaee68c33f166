/** Every sentence that tells the person how the call is doing, what went wrong and what to do about it. */

import { State } from "./call_state.js";
import { Kind } from "./signalling.js";
import { MicrophoneProblem } from "./microphone_problem.js";

export const STATUS = Object.freeze({
  [State.IDLE]: "Ready when you are",
  [State.ASKING]: "Waiting for your microphone",
  [State.CONNECTING]: "Connecting",
  [State.RINGING]: "Ringing",
  [State.IN_CALL]: "Connected",
  [State.RECONNECTING]: "Connection lost. Reconnecting",
  [State.ENDED]: "Call ended",
  [State.FAILED]: "Call failed",
});

/** What the session is doing, for the line under the name. */
export const SESSION_STATUS = Object.freeze({
  greeting: "Greeting you",
  conversing: "Listening",
  closing: "Saying goodbye",
});

export const QUALITY = Object.freeze({
  good: "Good connection", fair: "Fair connection", poor: "Poor connection",
  unknown: "Measuring the connection",
});

function seconds(count) {
  if (count >= 90) return `${Math.round(count / 60)} minutes`;
  return count === 1 ? "1 second" : `${count} seconds`;
}

function later(retryAfterS) {
  return retryAfterS ? `in ${seconds(retryAfterS)}` : "in a moment";
}

const TOKEN_WORDS = {
  "token.expired": ["This invitation has expired", "Reload the page you came from to get a new one."],
  "token.replayed": ["This invitation was already used", "Each one is good for one call. Reload the page you came from for a new one."],
  "token.missing": ["You need an invitation to call", "Calls here start from a page that invites you. Ask whoever sent you the address."],
  "token.wrong_agent": ["This invitation is for somebody else", "It is good for another agent than the one you tried to call."],
  "token.unavailable": ["The call could not be prepared", "This page did not get a permission to call. Try again in a moment."],
};
const TOKEN_INVALID = ["This invitation is not valid", "It may have been cut off when it was copied. Ask for a new one."];

/** Codes of a gateway that takes no calls at all, in contrast to one whose lines are taken. */
const CLOSED = new Set(["webrtc.not_ready", "endpoint.failed", "draining"]);

const FAILURES = {
  [Kind.NETWORK]: () => ["Cannot reach the phone service", "Check your internet connection, then try again."],
  [Kind.TIMEOUT]: () => ["Nobody answered in time", "The phone service took too long. Try again in a moment."],
  [Kind.TOKEN]: ({ code }) => TOKEN_WORDS[code] ?? TOKEN_INVALID,
  [Kind.FORBIDDEN]: () => ["Calls from this page are not allowed", "Whoever runs this page has to add its address to the phone service."],
  [Kind.NOT_FOUND]: () => ["There is nobody at this number", "The person or service you wanted to reach does not exist here."],
  [Kind.TOO_MANY]: ({ retryAfterS }) => ["Too many calls from here", `Please try again ${later(retryAfterS)}.`],
  [Kind.CAPACITY]: ({ code, retryAfterS }) => [
    CLOSED.has(code) ? "No calls are taken right now" : "All lines are busy",
    `Please try again ${later(retryAfterS)}.`,
  ],
  [Kind.OFFER_REFUSED]: () => ["Your browser could not agree on a call", "Update your browser, or try another one."],
  [Kind.GONE]: () => ["The call has ended", "It could not be picked up again after the connection was lost."],
  [Kind.SERVER]: () => ["Something went wrong at our end", "Your call could not be put through. Try again in a moment."],
  [Kind.UNSUPPORTED]: () => ["This browser cannot make calls", "Use a current Chrome, Edge, Firefox or Safari."],
  transport: () => ["No way through to the phone service", "A firewall or VPN may be blocking calls. Try another network."],
  connection_lost: () => ["The connection was lost", "We tried to bring the call back and could not. Check your network, then call again."],
};

/** Return `{title, text, retryAfterS}` for a failure `{kind, code, detail, retryAfterS}`. */
export function ofFailure(failure) {
  const [title, text] = (FAILURES[failure.kind] ?? FAILURES[Kind.SERVER])(failure);
  return { title, text, retryAfterS: failure.retryAfterS ?? null };
}

const ENDINGS = {
  max_duration: ["Time is up", "The call reached its longest duration."],
  no_input: ["Nobody spoke", "The call ended because nothing was heard for a while."],
  draining: ["The service is restarting", "Please call again in a minute."],
  capacity: ["All lines are busy", "Please try again in a moment."],
  no_route: ["There is nobody at this number", "The person or service you wanted to reach does not exist here."],
  no_media: ["The connection was lost", "No sound came through any more."],
  worker_lost: ["The call was cut off", "Something went wrong at our end. Please call again."],
  agent_failed: ["The call was cut off", "Something went wrong at our end. Please call again."],
  overloaded: ["The call was cut off", "Something went wrong at our end. Please call again."],
  internal_error: ["The call was cut off", "Something went wrong at our end. Please call again."],
  session_expired: ["The call was cut off", "It was not kept alive. Please call again."],
  unacceptable_media: ["Your browser could not agree on a call", "Update your browser, or try another one."],
};

/** Causes that a person would call a failure and not an ending. */
const FAULTS = new Set([
  "capacity", "no_route", "no_media", "worker_lost", "agent_failed", "overloaded", "internal_error",
  "unacceptable_media", "session_expired",
]);

export function isFault(cause) {
  return FAULTS.has(cause);
}

/** Return `{title, text}` for the gateway's hang-up cause. */
export function ofEnding(cause) {
  const [title, text] = ENDINGS[cause] ?? ["Call ended", ""];
  return { title, text };
}

const MICROPHONE = {
  [MicrophoneProblem.REFUSED]: ["Your microphone is blocked", "You can listen and type. To speak, allow the microphone for this page in your browser's address bar, then try again."],
  [MicrophoneProblem.DISMISSED]: ["Your microphone is off", "You can listen and type. To speak, try again and choose Allow."],
  [MicrophoneProblem.ABSENT]: ["No microphone found", "You can listen and type. To speak, connect a microphone, then try again."],
  [MicrophoneProblem.BUSY]: ["Your microphone is in use", "You can listen and type. To speak, close the other program that uses it, then try again."],
  [MicrophoneProblem.INSECURE]: ["This page may not use a microphone", "You can listen and type. To speak, open the page over https."],
  [MicrophoneProblem.LOST]: ["Your microphone was disconnected", "You can listen and type. To speak, connect it or choose another, then try again."],
};

/** Return `{title, text}` for a microphone that cannot be used. */
export function ofMicrophone(problem) {
  const [title, text] = MICROPHONE[problem];
  return { title, text };
}

/** "2:05" for a duration, "1:02:05" for a long one. */
export function duration(ms) {
  const total = Math.floor(ms / 1000);
  const parts = [Math.floor(total / 60) % 60, total % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(total / 3600);
  if (hours > 0) return `${hours}:${parts.join(":")}`;
  return `${Number(parts[0])}:${parts[1]}`;
}
