/** The lines of a timeline as people read them: what was said and written, and what happened between. */

import { address } from "./api.js";
import { gateWords } from "./call_words.js";
import { h } from "./dom.js";
import { fineClock, millis, moment, words } from "./format.js";

const SPOKEN = new Set(["user_said", "agent_said", "message_received", "message_written", "text_greeting"]);
const SILENT = new Set(["offered", "ringing", "greeting_started", "greeting_played"]);
/** Steps of an agent that the lines around them tell already. */
const STEPS = new Set(["turn", "paused", "resumed", "interrupted"]);
const NAME_MOST = 60;

/** Return an element for one entry, or null for what nobody needs to read. */
export function lineOf(entry, { clock = "call" } = {}) {
  if (SILENT.has(entry.kind)) return null;
  if (entry.kind === "agent_event" && STEPS.has(entry.facts?.name)) return null;
  const time = clock === "call" ? fineClock(entry.offset_ms) : moment(entry.at);
  return SPOKEN.has(entry.kind) ? spoken(entry, time) : event(entry, time);
}

function spoken(entry, time) {
  const { facts = {} } = entry;
  const isPerson = entry.role === "user" || entry.kind === "message_received";
  const notes = [];
  if (facts.greeting || entry.kind === "text_greeting") notes.push("greeting");
  if (facts.typed) notes.push("typed");
  if (facts.channel) notes.push(facts.channel);
  if (facts.interrupted) notes.push("interrupted");
  if (facts.response_ms !== undefined) notes.push(`answered in ${millis(facts.response_ms)}`);
  const said = h("li.line", { class: `line ${isPerson ? "by-person" : "by-agent"}` }, [
    h("p.line-head", {}, [
      h("span.line-who", { text: who(entry, isPerson) }),
      h("span.line-time", { text: time }),
      ...notes.map((text) => h("span.line-note", { text })),
    ]),
    h("p.line-words", { text: entry.text || "…" }),
  ]);
  if (facts.interrupted) said.classList.add("is-interrupted");
  return said;
}

function who(entry, isPerson) {
  if (isPerson) return entry.facts?.channel ? "Person" : "Caller";
  return entry.facts?.by === "operator" ? "Operator" : "Agent";
}

function event(entry, time) {
  const { media_id: mediaId } = entry.facts ?? {};
  return h("li.line-event", { "data-kind": entry.kind }, [
    h("span.line-time", { text: time }),
    entry.kind === "file_received"
      ? h("a.line-file", { href: address(`/api/v1/media/${encodeURIComponent(mediaId)}`), download: true, text: eventWords(entry) })
      : h("span", { text: eventWords(entry) }),
  ]);
}

/** Return what happened, in words. */
export function eventWords({ kind, facts = {} }) {
  switch (kind) {
    case "answered": return "Answered";
    case "media_up": return `Sound is up (${facts.codec ?? "unknown codec"})`;
    case "gate_opened": return facts.reason ? `Greeting gate opened: ${gateWords(facts.reason)}` : "Greeting gate opened";
    case "speech_held": return `Speech before the gate opened was kept${facts.held_ms ? ` (${millis(facts.held_ms)})` : ""}`;
    case "barge_in": return "Caller interrupted the agent";
    case "dtmf": return `Key ${facts.digit ?? ""}`;
    case "message_taken": return "A message was taken";
    case "agent_failed": return `The agent failed: ${facts.error ?? ""}`;
    case "media_quality": return "Quality of the line was noted";
    case "recording": return `Recording ${facts.state ?? ""}`.trim();
    case "file_received": return `A file came (${facts.content_type ?? "unknown kind"})`;
    case "file_failed": return "A file could not be had";
    case "refused": return facts.cause ? `Refused: ${words(facts.cause)}` : "Call refused";
    case "ended": return facts.cause ? `Call ended: ${words(facts.cause)}` : "Call ended";
    case "fallback": return ["Fallback", words(facts.reason ?? facts.channel ?? "")].filter(Boolean).join(": ");
    case "agent_event": return words(String(facts.name ?? "note").slice(0, NAME_MOST));
    default: return words(kind);
  }
}

/** Scroll a list to its end if the reader was there. */
export function follow(list, change) {
  const wasAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 48;
  change();
  if (wasAtEnd) list.scrollTop = list.scrollHeight;
}
