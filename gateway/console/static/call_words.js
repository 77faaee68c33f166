/** What states, gates and ends of calls are called. */

const STATES = {
  offered: "Ringing", preparing: "Ringing", answering: "Answering", greeting: "Greeting",
  conversing: "In conversation", closing: "Saying goodbye", hanging_up: "Hanging up", ended: "Ended", ending: "Ending",
};
const TONES = {
  offered: "warn", preparing: "warn", answering: "warn", greeting: "second", conversing: "good",
  closing: "soft", hanging_up: "soft", ended: "soft", ending: "soft",
};
const GATE = {
  greeting_played: "greeting was played", barge_in: "caller interrupted the greeting", no_greeting: "no greeting",
  synthesis_failed: "greeting had no audio", interrupted: "greeting was cut", deadline: "waited too long",
  closing: "call was closing", hung_up: "caller hung up", endpoint_lost: "line was lost", cancelled: "stopped",
};

export const stateWords = (state) => STATES[state] ?? state;
export const stateTone = (state) => TONES[state] ?? "soft";
export const gateWords = (reason) => GATE[reason] ?? reason;

/** Who is heard now, for people and for the data attribute. */
export function speaker(call) {
  if (call.is_caller_speaking && call.is_agent_speaking) return { who: "both", words: "Both are speaking" };
  if (call.is_caller_speaking) return { who: "caller", words: "Caller is speaking" };
  if (call.is_agent_speaking) return { who: "agent", words: "Agent is speaking" };
  return { who: "nobody", words: "Quiet" };
}
