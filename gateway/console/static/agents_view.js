/** Who answers which number. */

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { initial, words } from "./format.js";
import { empty, facts, pageHead, pill, problem } from "./parts.js";

const KINDS = { receptionist: "Receptionist", echo: "Echo test", llm: "Language model" };
const EARLY = {
  hold: "Speech over the greeting is kept", drop: "Speech over the greeting is dropped", barge_in: "Speech cuts the greeting",
};

export class AgentsView {
  constructor() {
    this.#agents = h("div.cards");
    this.#numbers = h("div.panel-body");
    this.root = h("div.view", {}, [
      pageHead("Agents and numbers", "As the configuration has them."),
      this.#agents,
      h("section.panel", { "aria-labelledby": "numbers-title" }, [
        h("div.panel-head", {}, [h("h2.panel-title", { id: "numbers-title", text: "Numbers" }), h("span.is-soft", { text: "First match wins" })]),
        this.#numbers,
      ]),
    ]);
    void this.#load();
  }

  #agents; #numbers;

  close() {}

  async #load() {
    try {
      const { agents, numbers } = await get("/api/v1/setup");
      put(this.#agents, "agents", () => agents.map((agent) => card(agent, numbers)));
      put(this.#numbers, "numbers", () => [numbers.length === 0
        ? empty("calls", "No number", "Without a number no call is answered.")
        : table(numbers)]);
    } catch (error) {
      this.#agents.replaceChildren(problem(error));
    }
  }
}

function card(agent, numbers) {
  const answers = numbers.filter((row) => row.agent === agent.name).map((row) => row.number);
  return h("article.agent-card", {}, [
    h("div.card-head", {}, [
      h("span.face", { "aria-hidden": "true", text: initial(agent.name) }),
      h("div.card-who", {}, [h("h2.card-name", { text: agent.name }), h("p.card-route", { text: KINDS[agent.kind] ?? words(agent.kind) })]),
      pill(answers.length > 0 ? `${answers.length} ${answers.length === 1 ? "number" : "numbers"}` : "no number", answers.length > 0 ? "good" : "soft").root,
    ]),
    h("blockquote.greeting", { text: agent.greeting || "No greeting" }),
    facts([
      ["Early speech", EARLY[agent.early_speech] ?? agent.early_speech],
      ["May be interrupted", agent.barge_in ? "Yes" : "No"],
      ["Model", agent.model],
      ["Questions it knows", agent.faq || null],
    ]),
  ]);
}

function table(numbers) {
  return h("div.table-frame", {}, [h("table.table", {}, [
    h("thead", {}, [h("tr", {}, ["Number", "Agent"].map((text) => h("th", { scope: "col", text })))]),
    h("tbody", {}, numbers.map((row) => h("tr", {}, [
      h("td", {}, [h("code", { text: row.number }), row.number === "*" ? h("span.is-soft", { text: "  everything else" }) : null]),
      h("td", { text: row.agent }),
    ]))),
  ])]);
}
