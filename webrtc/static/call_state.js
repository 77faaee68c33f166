/** What may follow what in one call as the page sees it; nothing else decides it. */

export const State = Object.freeze({
  /** Nothing has been started. */
  IDLE: "idle",
  /** The person is being asked for the microphone. */
  ASKING: "asking",
  /** Token, configuration and offer are being made ready. */
  CONNECTING: "connecting",
  /** The offer is with the gateway, or its answer is here and the transport is on its way. */
  RINGING: "ringing",
  /** Audio flows. */
  IN_CALL: "in_call",
  /** The transport was lost and is being restored; the conversation goes on. */
  RECONNECTING: "reconnecting",
  /** Over, the ordinary way. */
  ENDED: "ended",
  /** Over, or never begun, because something went wrong. */
  FAILED: "failed",
});

export const Trigger = Object.freeze({
  /** The call button. */
  DIAL: "dial",
  /** The microphone is granted, refused or missing: known, whichever. */
  MICROPHONE_KNOWN: "microphone_known",
  /** The offer was sent. */
  OFFERED: "offered",
  /** ICE and DTLS are up. */
  TRANSPORT_UP: "transport_up",
  /** ICE lost its path. */
  TRANSPORT_LOST: "transport_lost",
  /** Hung up by either side. */
  OVER: "over",
  /** Something went wrong that ends the attempt or the call. */
  FAULT: "fault",
});

const S = State;
const T = Trigger;

/** @type {Record<string, Record<string, string>>} state → trigger → state */
export const TRANSITIONS = Object.freeze({
  [S.IDLE]: { [T.DIAL]: S.ASKING },
  [S.ASKING]: { [T.MICROPHONE_KNOWN]: S.CONNECTING, [T.OVER]: S.ENDED, [T.FAULT]: S.FAILED },
  [S.CONNECTING]: { [T.OFFERED]: S.RINGING, [T.OVER]: S.ENDED, [T.FAULT]: S.FAILED },
  [S.RINGING]: {
    [T.TRANSPORT_UP]: S.IN_CALL,
    // A path that dies before the first connection is looked for again like any other.
    [T.TRANSPORT_LOST]: S.RINGING,
    [T.OVER]: S.ENDED,
    [T.FAULT]: S.FAILED,
  },
  [S.IN_CALL]: {
    // A restart for a new network interface succeeds without the old path ever failing.
    [T.TRANSPORT_UP]: S.IN_CALL,
    [T.TRANSPORT_LOST]: S.RECONNECTING,
    [T.OVER]: S.ENDED,
    [T.FAULT]: S.FAILED,
  },
  [S.RECONNECTING]: {
    [T.TRANSPORT_UP]: S.IN_CALL,
    // "disconnected" is followed by "failed".
    [T.TRANSPORT_LOST]: S.RECONNECTING,
    [T.OVER]: S.ENDED,
    [T.FAULT]: S.FAILED,
  },
  [S.ENDED]: {
    // Our hang-up and the gateway's word cross; what the transport says afterwards is its closing.
    [T.OVER]: S.ENDED,
    [T.FAULT]: S.ENDED,
    [T.TRANSPORT_LOST]: S.ENDED,
  },
  [S.FAILED]: {
    [T.OVER]: S.FAILED,
    [T.FAULT]: S.FAILED,
    [T.TRANSPORT_LOST]: S.FAILED,
  },
});

/** A trigger that the table does not have for the current state: a fault of the page. */
export class InvalidTransition extends Error {
  constructor(state, trigger) {
    super(`${trigger} cannot happen in state ${state}`);
    this.state = state;
    this.trigger = trigger;
  }
}

/** Return the state that follows; throws `InvalidTransition`. */
export function next(state, trigger) {
  const following = TRANSITIONS[state]?.[trigger];
  if (following === undefined) throw new InvalidTransition(state, trigger);
  return following;
}

/** Whether a call is on its way or up: there is something to hang up. */
export function isLive(state) {
  return ![S.IDLE, S.ENDED, S.FAILED].includes(state);
}

/** Whether the conversation has begun and has not ended. */
export function isUp(state) {
  return state === S.IN_CALL || state === S.RECONNECTING;
}
