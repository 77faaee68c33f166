/** Rooms: each person's calls and messages in one conversation, and a box to answer in writing. */

import { get, post } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { initial, moment } from "./format.js";
import { ICONS } from "./icons.js";
import { Later } from "./later.js";
import { empty, pageHead, pill, problem, toast } from "./parts.js";
import { number, shownNumber } from "./privacy.js";
import { RoomReader } from "./room_reader.js";
import { eventWords, follow, lineOf } from "./transcript.js";

const PAGE = 500;
const SETTLE_MS = 350;
const LATER_MS = 1_500;
const LONGEST = 1_600;
const OURS = new Set(["agent_said", "message_written", "text_greeting"]);
const CHANNELS = { sms: "SMS", whatsapp: "WhatsApp", rcs: "RCS", email: "E-mail", telegram: "Telegram", teams: "Teams", webhook: "Webhook" };

export class RoomsView {
  #id;
  #rooms = [];
  #stop = new AbortController();
  #roomLater = new Later(() => void this.#loadMore(), SETTLE_MS);
  #allLater = new Later(() => this.#loadAll(), SETTLE_MS);
  // What came in is put into its room a moment after it is told.
  #inboxLater = new Later(() => this.#loadAll(), LATER_MS);
  #reader = null;

  constructor({ stream, id }) {
    this.#id = id;
    this.#list = h("ul.room-list");
    this.#talk = h("section.panel.room-talk", { "aria-label": "Conversation" });
    this.root = h("div.view.rooms-view", { "data-open": String(id !== "") }, [
      pageHead("Rooms", "One conversation for each person, whichever way it goes on."),
      h("div.rooms", {}, [h("nav.panel.room-nav", { "aria-label": "Rooms" }, [this.#list]), this.#talk]),
    ]);
    const signal = this.#stop.signal;
    stream.addEventListener("line", ({ detail }) => {
      if (detail.room_id === this.#id) this.#roomLater.ask();
    }, { signal });
    for (const kind of ["message", "call_offered", "call_ended", "gap"]) {
      stream.addEventListener(kind, () => this.#allLater.ask(), { signal });
    }
    stream.addEventListener("inbox", () => this.#inboxLater.ask(), { signal });
    void this.#loadList();
    this.#open();
  }

  #list; #talk; #lines = null;

  close() {
    this.#stop.abort();
    for (const later of [this.#roomLater, this.#allLater, this.#inboxLater]) later.cancel();
  }

  turnTo(id) {
    this.#id = id;
    this.root.dataset.open = String(id !== "");
    this.#showList();
    this.#open();
    return true;
  }

  #loadAll() {
    void this.#loadList();
    void this.#loadMore();
  }

  async #loadList() {
    try {
      const { rooms } = await get("/api/v1/rooms?limit=100");
      this.#rooms = rooms;
      this.#showList();
    } catch (error) {
      this.#list.replaceChildren(h("li", {}, [problem(error)]));
    }
  }

  #showList() {
    const key = JSON.stringify([this.#id, this.#rooms]);
    put(this.#list, key, () => this.#rooms.length === 0
      ? [h("li", {}, [empty("rooms", "No room yet", "A room is made when somebody calls or writes.")])]
      : this.#rooms.map((room) => this.#item(room)));
    const room = this.#rooms.find((each) => each.room_id === this.#id);
    const head = this.#talk.querySelector(".room-who");
    if (room && head) put(head, room.person, () => [h("span.room-person", {}, [number(room.person)]), h("span.is-soft", { text: `at ${room.number}` })]);
  }

  #item(room) {
    const isOpen = room.room_id === this.#id;
    return h("li.room-item", { "data-open": String(isOpen) }, [
      face(room.person, room.live_calls?.length > 0),
      h("div.room-words", {}, [
        h("div.room-line", {}, [h("span.room-person", { text: shownNumber(room.person) }),
          h("span.room-time", { text: moment(room.last_at) })]),
        h("p.room-last", { text: room.last_text ? `${OURS.has(room.last_kind) ? "Agent: " : ""}${room.last_text}` : lastWords(room) }),
      ]),
      h("a.card-link", {
        href: `#/rooms/${encodeURIComponent(room.room_id)}`, "aria-current": isOpen ? "true" : false,
        "aria-label": `Room of ${shownNumber(room.person).replaceAll("•", "")}, ${moment(room.last_at)}`,
      }),
    ]);
  }

  #open() {
    this.#reader = null;
    this.#lines = null;
    if (this.#id === "") {
      this.#talk.replaceChildren(empty("rooms", "Choose a room", "Its calls and messages are shown here, in order."));
      return;
    }
    const id = this.#id;
    const lines = h("ol.lines", { tabindex: "0", role: "log", "aria-label": "Conversation" });
    this.#lines = lines;
    this.#reader = new RoomReader(
      (after) => get(`/api/v1/rooms/${encodeURIComponent(id)}/timeline?after=${after}&limit=${PAGE}`),
      (entries, isFirst) => this.#append(lines, entries, isFirst),
    );
    this.#talk.replaceChildren(
      h("div.panel-head", {}, [
        h("a.round-button.narrow-only", { href: "#/rooms", "aria-label": "All rooms" }, [icon(ICONS.back)]),
        h("div.room-who"), h("div.room-more"),
      ]),
      this.#lines,
      this.#replyBox(id),
    );
    this.#showList();
    void this.#loadMore();
    void this.#loadRoom(id);
  }

  /** Say in the head what else is known of the person. */
  async #loadRoom(id) {
    const head = this.#talk.querySelector(".room-more");
    try {
      const room = await get(`/api/v1/rooms/${encodeURIComponent(id)}`);
      if (room.opted_out) head.replaceChildren(pill("Wants no messages", "warn").root);
    } catch {
      // The timeline beside it tells what went wrong.
    }
  }

  /** Ask for what is not shown yet, and show it; a room that was left meanwhile keeps what is its own. */
  async #loadMore() {
    const [reader, lines] = [this.#reader, this.#lines];
    if (reader === null) return;
    try {
      await reader.more();
      if (reader.seen === 0) lines.replaceChildren(h("li", {}, [empty("rooms", "Nothing here yet", "What is said and written appears here.")]));
    } catch (error) {
      if (reader.seen === 0) lines.replaceChildren(h("li", {}, [problem(error)]));
    }
  }

  #append(lines, entries, isFirst) {
    if (isFirst) lines.replaceChildren();
    follow(lines, () => {
      for (const entry of entries) {
        if (entry.kind === "offered") lines.append(callMark(entry));
        else {
          const line = ["media_up", "media_quality", "answered", "gate_opened", "speech_held"].includes(entry.kind) ? null : lineOf(entry, { clock: "day" });
          if (line) lines.append(line);
        }
      }
    });
    if (isFirst) lines.scrollTop = lines.scrollHeight;
  }

  #replyBox(id) {
    const field = h("textarea.reply-input", {
      rows: "1", maxlength: String(LONGEST), placeholder: "Write to this person…", "aria-label": "Your message",
    });
    const channel = h("select.reply-channel", { "aria-label": "Channel" }, [
      h("option", { value: "", text: "Best way" }),
      h("option", { value: "voice", text: "Say it in the call" }),
      ...Object.entries(CHANNELS).map(([value, text]) => h("option", { value, text })),
    ]);
    const button = h("button.main-button", { type: "submit", "aria-label": "Send" }, [icon(ICONS.send), h("span.wide-only", { text: "Send" })]);
    const fault = h("p.form-problem", { role: "alert" });
    const grow = () => {
      field.style.height = "auto";
      field.style.height = `${Math.min(160, field.scrollHeight)}px`;
    };
    const form = h("form.reply", {
      on: {
        submit: async (event) => {
          event.preventDefault();
          const text = field.value.trim();
          if (text === "") return;
          button.disabled = true;
          say(fault, "");
          try {
            const wanted = channel.value ? { text, channel: channel.value } : { text };
            const { delivery } = await post(`/api/v1/rooms/${encodeURIComponent(id)}/messages`, wanted);
            field.value = "";
            grow();
            toast(delivery === "spoken" ? "The agent says it in the call" : "Your message is on its way");
            this.#roomLater.ask();
          } catch (error) {
            say(fault, refusal(error));
          } finally {
            button.disabled = false;
            field.focus();
          }
        },
      },
    }, [h("div.reply-row", {}, [field, button]), h("div.reply-foot", {}, [channel, h("span.reply-hint.wide-only", { text: "Ctrl + Enter sends" })]), fault]);
    field.addEventListener("input", grow);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    return form;
  }
}

/** What happened last where nothing was said. */
function lastWords(room) {
  return room.last_kind ? eventWords({ kind: room.last_kind }) : "Nothing said yet";
}

/** A letter for who has one, a handset for who has only a number. */
function face(person, isOnCall) {
  const name = person.replace(/^[a-z]+:/, "");
  const isNumber = /^[+\d]/.test(name);
  return h("span.face", {}, [
    isNumber ? icon(ICONS.calls) : h("span", { "aria-hidden": "true", text: initial(name) }),
    isOnCall ? h("span.live-dot", { title: "On a call" }, [h("span.hidden-words", { text: "On a call" })]) : null,
  ]);
}

/** The beginning of a call in a room, with the way to its page. */
function callMark(entry) {
  return h("li.call-mark", {}, [
    icon(ICONS.calls),
    h("a", { href: `#/calls/${encodeURIComponent(entry.call_id)}`, text: `Call with ${entry.facts.agent || "nobody"}` }),
    h("span.is-soft", { text: moment(entry.at) }),
    pill(entry.facts.endpoint === "webrtc" ? "browser" : String(entry.facts.endpoint ?? "")).root,
  ]);
}

function refusal(error) {
  if (error.status === 403) return "Your token may not write messages.";
  if (error.status === 404 && error.code === "http.not_found") return "This gateway cannot send messages from here.";
  return error.message;
}
