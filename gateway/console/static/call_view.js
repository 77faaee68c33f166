/** One call: its drawing over time, its words as they are said, how good it sounds, and the way to end it. */

import { address, get, post } from "./api.js";
import { CallEntries } from "./call_entries.js";
import { gateWords, speaker, stateTone, stateWords } from "./call_words.js";
import { h, icon, put, say } from "./dom.js";
import { clock, initial, moment, words } from "./format.js";
import { ICONS } from "./icons.js";
import { latencyBars } from "./latency.js";
import { Levels, decode } from "./levels.js";
import { empty, facts, pill, problem, toast } from "./parts.js";
import { number } from "./privacy.js";
import { QualityCard } from "./quality_card.js";
import { Timeline } from "./timeline.js";
import { follow, lineOf } from "./transcript.js";

const MEDIA_EVERY_MS = 10_000;
const ARMED_MS = 4_000;

export class CallView {
  #id;
  #live;
  #stop = new AbortController();
  #record = null;
  #entries = new CallEntries();
  #levels = new Levels();
  #hasMedia = false;
  #timeline = new Timeline();
  #quality = new QualityCard();
  #latency = latencyBars({ most: 24 });
  #timers = [];

  constructor({ stream, live, id }) {
    this.#id = id;
    this.#live = live;
    this.#state = pill();
    this.#timer = h("span.timer.is-big");
    this.#speaker = h("span.speaker");
    this.#who = h("div.call-who");
    this.#face = h("span.face.is-big", { "aria-hidden": "true" });
    this.#hangUp = this.#hangUpButton();
    this.#details = h("div");
    this.#room = h("div.panel-tools");
    this.#lines = h("ol.lines", { tabindex: "0", role: "log", "aria-label": "Transcript" });
    this.#fault = h("div");
    this.root = h("div.view.call-view", {}, [
      h("a.back", { href: "#/calls" }, [icon(ICONS.back), h("span", { text: "Calls" })]),
      this.#fault,
      h("header.call-head", {}, [
        this.#face, this.#who,
        h("div.call-status", {}, [this.#state.root, this.#timer, this.#speaker]),
        this.#hangUp,
      ]),
      h("section.panel", { "aria-labelledby": "sound-title" }, [
        h("div.panel-head", {}, [h("h2.panel-title", { id: "sound-title", text: "Timeline" }),
          h("div.time-head", {}, [legend(), this.#timeline.tools]),
        ]),
        this.#timeline.root,
      ]),
      h("div.call-columns", {}, [
        h("section.panel.talk", { "aria-labelledby": "talk-title" }, [
          h("div.panel-head", {}, [h("h2.panel-title", { id: "talk-title", text: "Transcript" }), this.#room]),
          this.#lines,
        ]),
        h("div.call-side", {}, [
          h("section.panel", { "aria-labelledby": "response-title" }, [
            h("div.panel-head", {}, [h("h2.panel-title", { id: "response-title", text: "Response time" })]),
            h("div.panel-pad", {}, [this.#latency.root]),
          ]),
          this.#quality.root,
          h("section.panel", { "aria-labelledby": "facts-title" }, [
            h("div.panel-head", {}, [h("h2.panel-title", { id: "facts-title", text: "Details" })]),
            h("div.panel-pad", {}, [this.#details]),
          ]),
        ]),
      ]),
    ]);
    const signal = this.#stop.signal;
    const reload = () => void this.#load();
    live.addEventListener("change", () => this.#tick(), { signal });
    stream.addEventListener("line", ({ detail }) => this.#take(detail), { signal });
    stream.addEventListener("gap", reload, { signal });
    stream.addEventListener("call_ended", ({ detail }) => {
      // It is on disk a moment later.
      if (detail.call_id === this.#id) this.#timers.push(setTimeout(reload, 500));
    }, { signal });
    this.#timers.push(setInterval(() => {
      // Of a call that is over there is nothing new.
      if (this.#record?.cause == null) void this.#loadMedia();
    }, MEDIA_EVERY_MS));
    void this.#load();
  }

  #state; #timer; #speaker; #who; #face; #hangUp; #details; #room; #lines; #fault;

  close() {
    this.#stop.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timeline.close();
  }

  turnTo(id) { return id === this.#id; }

  async #load() {
    try {
      const record = await get(`/api/v1/calls/${encodeURIComponent(this.#id)}`);
      this.#record = record;
      this.#entries.reset(record.timeline);
      this.#fault.replaceChildren();
      this.#showRecord();
      this.#showLines();
      await this.#loadMedia();
    } catch (error) {
      this.#fault.replaceChildren(problem(error));
    }
  }

  async #loadMedia() {
    try {
      const media = await get(`/api/v1/calls/${encodeURIComponent(this.#id)}/media`);
      this.#levels.reset(media.bucket_ms, decode(media.caller), decode(media.agent));
      this.#hasMedia = true;
      this.#quality.show(media);
    } catch {
      // Kept in memory only, and not for ever: an old call is shown without its sound.
      this.#quality.showNothing();
      const noted = this.#entries.all.find((entry) => entry.kind === "media_quality");
      if (noted) this.#quality.showNoted(noted.facts);
    }
    this.#draw();
  }

  #take(entry) {
    if (entry.call_id !== this.#id) return;
    this.#entries.add({ ...entry, at: entry.at * 1000 });
    if (this.#record === null) return;
    follow(this.#lines, () => this.#append(entry));
    this.#draw();
  }

  /** A few times a second while the call goes on. */
  #tick() {
    const call = this.#live.find(this.#id);
    if (call === null) {
      // Over: drawn once more, and not again with every look at the others.
      if (!this.#hangUp.hidden) this.#draw();
      this.#hangUp.hidden = true;
      return;
    }
    this.#hangUp.hidden = false;
    if (call.levels && this.#hasMedia && !this.#levels.add(call.levels)) void this.#loadMedia();
    this.#state.show(stateWords(call.state), stateTone(call.state));
    say(this.#timer, clock(call.age_ms));
    const { who, words: said } = speaker(call);
    this.#speaker.dataset.speaker = who;
    this.root.dataset.speaker = who;
    say(this.#speaker, `${said} · gate ${call.is_gate_open ? "open" : "closed"}`);
    if (call.quality) this.#quality.showNow(call.quality, call.codec);
    this.#draw();
  }

  #draw() {
    const call = this.#live.find(this.#id);
    const ended = this.#record?.ended_ms ?? null;
    const last = this.#entries.all.at(-1)?.offset_ms ?? 0;
    this.#timeline.show({
      entries: this.#entries.all,
      levels: this.#hasMedia ? this.#levels : null,
      lengthMs: call?.age_ms ?? ended ?? last,
      isLive: call !== null,
    });
    this.#latency.show(this.#entries.all
      .filter((entry) => entry.kind === "agent_said" && entry.facts.response_ms !== undefined)
      .map((entry) => entry.facts.response_ms));
  }

  #showRecord() {
    const record = this.#record;
    this.#face.textContent = initial(record.caller_name || record.agent);
    this.#who.replaceChildren(
      h("h1.call-name", {}, [record.caller_name ? h("span", { text: `${record.caller_name} ` }) : null, number(record.caller)]),
      h("p.call-route", {}, [
        icon(record.direction === "outbound" ? ICONS.outward : ICONS.inward),
        h("span", { text: `${record.agent || "nobody"} · ${moment(record.offered_at)}` }),
      ]),
    );
    const isLive = this.#live.find(this.#id) !== null;
    this.#hangUp.hidden = !isLive;
    if (!isLive) {
      this.#state.show(record.cause ? words(record.cause) : stateWords(record.state), "soft");
      say(this.#timer, record.ended_ms === null ? "" : clock(record.ended_ms - (record.answered_ms ?? 0)));
      say(this.#speaker, record.detail || "");
      delete this.#speaker.dataset.speaker;
    }
    const gate = this.#entries.all.find((entry) => entry.kind === "gate_opened");
    this.#details.replaceChildren(facts([
      ["Dialled", record.callee],
      ["Line", record.endpoint === "webrtc" ? "Browser" : record.endpoint?.toUpperCase()],
      ["Answered after", record.answered_ms === null ? null : `${Math.round(record.answered_ms)} ms`],
      ["Gate", gate ? gateWords(gate.facts.reason) : null],
      ["Came from", record.source ? number(record.source) : null],
      ["Call", h("code.id", { text: record.call_id })],
      ["Id on the line", record.foreign_id ? h("code.id", { text: record.foreign_id }) : null],
    ]));
    put(this.#room, `${record.room_id} ${this.#hasRecording()}`, () => [
      this.#hasRecording() ? h("a.link-button", {
        href: address(`/api/v1/calls/${encodeURIComponent(record.call_id)}/recording`), download: true, text: "Recording",
      }) : null,
      record.room_id ? h("a.link-button", { href: `#/rooms/${encodeURIComponent(record.room_id)}`, text: "Open the room" }) : null,
    ]);
  }

  /** Whether there is a file to be fetched: it is whole once the call is over. */
  #hasRecording() {
    return this.#record.cause !== null && this.#entries.all.some((entry) => entry.kind === "recording");
  }

  #showLines() {
    this.#lines.replaceChildren();
    for (const entry of this.#entries.all) this.#append(entry);
    if (this.#lines.childElementCount === 0) this.#lines.append(h("li", {}, [empty("rooms", "Nothing was said yet", "Words appear here as they are spoken.")]));
    this.#lines.scrollTop = this.#lines.scrollHeight;
  }

  #append(entry) {
    const line = lineOf(entry);
    if (line === null) return;
    this.#lines.querySelector(".empty")?.parentNode.remove();
    this.#lines.append(line);
  }

  /** Asks twice: the first press arms it for a moment. */
  #hangUpButton() {
    let timer = 0;
    const label = h("span", { text: "Hang up" });
    const button = h("button.danger-button", { type: "button", hidden: true, on: { click: () => void press() } }, [
      icon(ICONS.hangup), label,
    ]);
    const disarm = () => {
      clearTimeout(timer);
      button.classList.remove("is-armed");
      label.textContent = "Hang up";
    };
    const press = async () => {
      if (!button.classList.contains("is-armed")) {
        button.classList.add("is-armed");
        label.textContent = "End this call?";
        timer = setTimeout(disarm, ARMED_MS);
        return;
      }
      disarm();
      button.disabled = true;
      try {
        await post(`/api/v1/calls/${encodeURIComponent(this.#id)}/hangup`);
        toast("The call is being ended");
      } catch (error) {
        toast(error.status === 403 ? "Your token may not end calls" : error.message, "danger");
      } finally {
        button.disabled = false;
      }
    };
    return button;
  }
}

function legend() {
  return h("ul.legend", { "aria-hidden": "true" }, [
    ["gate", "Gate closed"], ["caller", "Caller"], ["agent", "Agent"], ["gap", "Response"], ["barge", "Interruption"],
  ].map(([kind, text]) => h("li", {}, [h("span.legend-mark", { "data-kind": kind }), h("span", { text })])));
}
