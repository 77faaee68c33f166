/** What we wrote: what waits, what was sent, and what could not be, with the way to send it again. */

import { get, post } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { moment, words } from "./format.js";
import { ICONS } from "./icons.js";
import { Later } from "./later.js";
import { empty, facts, pageHead, pill, problem, toast } from "./parts.js";
import { number } from "./privacy.js";

const PAGE = 50;
const SHOWN_MOST = 500;
const SETTLE_MS = 300;
const FILTERS = [
  { name: "", title: "All", of: () => true },
  { name: "queued,sending", title: "Waiting", of: (status) => ["queued", "sending"].includes(status) },
  { name: "sent,delivered,read", title: "Sent", of: (status) => ["sent", "delivered", "read"].includes(status) },
  { name: "dead_letters", title: "Dead letters", of: (status) => ["failed", "dead"].includes(status) },
];
const TONES = { queued: "warn", sending: "warn", sent: "second", delivered: "good", read: "good", failed: "danger", dead: "danger" };

export class OutboxView {
  #filter = FILTERS[0];
  #stop = new AbortController();
  #later = new Later(() => void this.#load(), SETTLE_MS);
  #open = new Set();
  #messages = [];

  constructor({ stream }) {
    this.#tabs = h("div.tabs", { role: "group", "aria-label": "Which messages" });
    this.#list = h("ul.letters");
    this.#more = h("button.quiet-button.is-centred", { type: "button", text: "Older messages", hidden: true, on: { click: () => void this.#older() } });
    this.root = h("div.view", {}, [
      pageHead("Outbox", "Every message is kept until it was sent, or until somebody knows that it was not."),
      this.#tabs,
      h("section.panel", { "aria-label": "Messages" }, [this.#list]),
      this.#more,
    ]);
    for (const kind of ["message", "gap"]) {
      stream.addEventListener(kind, () => this.#later.ask(), { signal: this.#stop.signal });
    }
    this.#showTabs({});
    void this.#load();
  }

  #tabs; #list; #more; #before = null;

  close() {
    this.#later.cancel();
    this.#stop.abort();
  }

  async #ask(before, limit = PAGE) {
    const query = new URLSearchParams({ limit });
    if (this.#filter.name) query.set("status", this.#filter.name);
    if (before) query.set("before", before);
    return get(`/api/v1/outbox?${query}`);
  }

  async #load() {
    const filter = this.#filter;
    try {
      // As many as are shown: whoever looks at older ones is not sent back to the newest.
      const found = await this.#ask(null, Math.min(SHOWN_MOST, Math.max(PAGE, this.#messages.length)));
      if (filter !== this.#filter) return;
      this.#messages = found.messages;
      this.#before = found.next_before;
      this.#showTabs(found.counts);
      this.#show();
    } catch (error) {
      put(this.#list, "problem", () => [h("li", {}, [problem(error)])]);
    }
  }

  async #older() {
    try {
      const found = await this.#ask(this.#before);
      this.#messages = [...this.#messages, ...found.messages];
      this.#before = found.next_before;
      this.#show();
    } catch (error) {
      toast(error.message, "danger");
    }
  }

  #showTabs(counts) {
    put(this.#tabs, JSON.stringify([this.#filter.name, counts]), () => FILTERS.map((filter) => {
      const number = Object.entries(counts).filter(([status]) => filter.of(status)).reduce((sum, [, n]) => sum + n, 0);
      return h("button.tab", {
        type: "button", "aria-pressed": String(filter === this.#filter), "data-filter": filter.name,
        on: {
          click: () => {
            this.#filter = filter;
            this.#messages = [];
            this.#showTabs(counts);
            void this.#load().then(() => this.#tabs.querySelector("[aria-pressed=true]")?.focus());
          },
        },
      }, [h("span", { text: filter.title }), h("span.tab-count", { text: String(number), "data-alarm": String(filter.name === "dead_letters" && number > 0) })]);
    }));
  }

  #show() {
    this.#more.hidden = this.#before === null;
    put(this.#list, JSON.stringify(this.#messages), () => this.#messages.length === 0
      ? [h("li", {}, [empty("outbox", "No message here", "Messages that the gateway writes are listed here.")])]
      : this.#messages.map((message) => this.#letter(message)));
  }

  #letter(message) {
    const id = message.message_id;
    const body = h("div.letter-body");
    const details = h("details.letter", { open: this.#open.has(id) }, [
      h("summary.letter-head", {}, [
        pill(words(message.status), TONES[message.status] ?? "soft").root,
        h("span.letter-to", {}, [h("span.letter-channel", { text: words(message.channel) }), number(message.recipient)]),
        h("span.letter-text", { text: message.text || (message.template ? "Template" : "") }),
        h("span.letter-time", { text: moment(message.created_at) }),
      ]),
      body,
    ]);
    details.addEventListener("toggle", () => {
      if (details.open) {
        this.#open.add(id);
        void this.#fill(id, body);
      } else {
        this.#open.delete(id);
      }
    });
    if (details.open) void this.#fill(id, body);
    return h("li", {}, [details]);
  }

  async #fill(id, body) {
    try {
      const message = await get(`/api/v1/outbox/${encodeURIComponent(id)}`);
      const isDead = ["failed", "dead"].includes(message.status);
      body.replaceChildren(
        h("p.letter-words", { text: message.text || "Sent as a template of the provider." }),
        facts([
          ["To", number(message.recipient)], ["From", number(message.sender)], ["Because of", message.cause],
          ["Provider", message.provider], ["Written", moment(message.created_at)],
          ["Next try", message.next_attempt_at ? moment(message.next_attempt_at) : null],
          ["What went wrong", message.error_code ? `${message.error_code} ${message.error_detail}`.trim() : null],
        ]),
        message.attempts.length > 0 ? h("ol.attempts", { "aria-label": "Attempts" }, message.attempts.map((attempt) => h("li.attempt", {}, [
          h("span.is-soft", { text: `${attempt.number}.` }),
          pill(words(attempt.outcome ?? "under way"), { taken: "good", refused: "danger", postponed: "warn" }[attempt.outcome] ?? "soft").root,
          h("span", { text: attempt.provider }), h("span.is-soft", { text: moment(attempt.started_at) }),
          attempt.error_code ? h("span", { text: `${attempt.error_code} ${attempt.error_detail}`.trim() }) : null,
        ]))) : "",
        h("div.letter-tools", {}, [
          isDead ? this.#replayButton(id) : null,
          h("a.link-button", { href: `#/rooms/${encodeURIComponent(message.room_id)}`, text: "Open the room" }),
        ].filter((tool) => tool !== null)),
      );
    } catch (error) {
      body.replaceChildren(problem(error));
    }
  }

  #replayButton(id) {
    const label = h("span", { text: "Send again" });
    const button = h("button.main-button.is-small", {
      type: "button",
      on: {
        click: async () => {
          button.disabled = true;
          say(label, "Sending…");
          try {
            await post(`/api/v1/outbox/${encodeURIComponent(id)}/replay`);
            toast("The message is sent again");
            this.#later.ask();
          } catch (error) {
            toast(error.status === 403 ? "Your token may not send messages" : error.message, "danger");
            button.disabled = false;
            say(label, "Send again");
          }
        },
      },
    }, [icon(ICONS.replay), label]);
    return button;
  }
}
