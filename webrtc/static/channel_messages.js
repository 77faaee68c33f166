/**
 * What page and gateway say to one another over the data channel "offhook" (ordered, reliable).
 *
 *   page → gateway   dtmf, hangup, early_end, text as JSON; early audio as binary
 *   gateway → page   state, line, gate, ended, quality as JSON
 *
 * Early audio: byte 0x01, u32 LE offset in ms since the click, then PCM16 LE mono 16 kHz.
 */

export const CHANNEL_LABEL = "offhook";
export const MAX_TEXT_CHARACTERS = 2000;
const MAX_MESSAGE_CHARACTERS = 16384;
const EARLY_AUDIO = 0x01;
const EARLY_HEADER_BYTES = 5;

export const dtmf = (digit) => JSON.stringify({ type: "dtmf", digit });
export const hangup = () => JSON.stringify({ type: "hangup" });
export const earlyEnd = (ms) => JSON.stringify({ type: "early_end", ms: Math.round(ms) });
export const text = (words, id) =>
  JSON.stringify({ type: "text", text: words.slice(0, MAX_TEXT_CHARACTERS), id });

/** Return one binary message of early audio. */
export function earlyAudio(offsetMs, samples) {
  const message = new ArrayBuffer(EARLY_HEADER_BYTES + samples.length * 2);
  const view = new DataView(message);
  view.setUint8(0, EARLY_AUDIO);
  view.setUint32(1, Math.round(offsetMs), true);
  samples.forEach((sample, index) => {
    view.setInt16(EARLY_HEADER_BYTES + index * 2, sample, true);
  });
  return message;
}

const isText = (value) => typeof value === "string";
const isNumber = (value) => Number.isFinite(value);

const READERS = {
  state: ({ state }) => isText(state) && { type: "state", state },
  line: ({ id, who, text: words, final, interrupted }) =>
    (isNumber(id) || isText(id)) && isText(words) && (who === "agent" || who === "caller") && {
      type: "line", id: String(id), who, text: words, isFinal: final !== false,
      isInterrupted: interrupted === true,
    },
  gate: ({ reason }) => ({ type: "gate", reason: isText(reason) ? reason : "" }),
  ended: ({ cause }) => ({ type: "ended", cause: isText(cause) ? cause : "" }),
  quality: ({ jitter_ms, lost, rtt_ms }) => ({
    type: "quality",
    jitterMs: isNumber(jitter_ms) ? jitter_ms : null,
    lost: isNumber(lost) ? lost : null,
    rttMs: isNumber(rtt_ms) ? rtt_ms : null,
  }),
};

/**
 * Return what the gateway said, or null for what the page does not know.
 *
 * Unknown and malformed messages are passed over: a newer gateway may say more than this page knows.
 */
export function parse(data) {
  if (!isText(data) || data.length > MAX_MESSAGE_CHARACTERS) return null;
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    return null;
  }
  if (message === null || typeof message !== "object" || !Object.hasOwn(READERS, message.type)) {
    return null;
  }
  return READERS[message.type](message) || null;
}
