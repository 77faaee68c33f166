/** Why there is no microphone, told apart by what the person can do about it. */

export const MicrophoneProblem = Object.freeze({
  /** Blocked for this page: only the browser's settings can change it. */
  REFUSED: "refused",
  /** The question was closed without an answer: it can be asked again. */
  DISMISSED: "dismissed",
  ABSENT: "absent",
  BUSY: "busy",
  /** Browsers give microphones only to pages over https or on this machine. */
  INSECURE: "insecure",
  /** It was there and was pulled out. */
  LOST: "lost",
});

const OF_NAME = {
  NotFoundError: MicrophoneProblem.ABSENT,
  OverconstrainedError: MicrophoneProblem.ABSENT,
  NotReadableError: MicrophoneProblem.BUSY,
  AbortError: MicrophoneProblem.BUSY,
  SecurityError: MicrophoneProblem.REFUSED,
};

/** Return what an error of `getUserMedia` means. Chromium tells a closed question by its message. */
export function problemOf({ name, message = "" }) {
  if (name === "NotAllowedError") {
    return /dismissed/i.test(message) ? MicrophoneProblem.DISMISSED : MicrophoneProblem.REFUSED;
  }
  return OF_NAME[name] ?? MicrophoneProblem.BUSY;
}
