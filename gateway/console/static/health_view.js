/** Whether the gateway's parts can do their work: checks, worker processes, providers, disk. */

import { get } from "./api.js";
import { h, icon, put } from "./dom.js";
import { millis, span, words } from "./format.js";
import { ICONS } from "./icons.js";
import { facts, pageHead, pill, problem, tile } from "./parts.js";

const EVERY_MS = 4_000;
const NAMES = { sip: "SIP", webrtc: "Browser calls", accepting: "New calls" };
const PROVIDER_TONES = { closed: "good", half_open: "warn", open: "danger" };
const MODEL_TONES = { up: "good", failing: "danger" };
const MODEL_WORDS = { up: "Up", failing: "Failing", unasked: "Not asked yet" };
const PROVIDER_WORDS = { closed: "Up", half_open: "Being tried", open: "Held back" };

export class HealthView {
  #timer = 0;

  constructor() {
    this.#state = h("div.verdict", { role: "status" });
    this.#tiles = { calls: tile("Calls now"), taken: tile("Taken"), refused: tile("Refused"), up: tile("Up since start") };
    this.#checks = h("ul.checks");
    this.#parts = h("div.health-parts");
    this.root = h("div.view", {}, [
      pageHead("Health", "Whether every part of the gateway can do its work."),
      this.#state,
      h("div.tiles", {}, Object.values(this.#tiles).map(({ root }) => root)),
      h("section.panel", { "aria-labelledby": "checks-title" }, [
        h("div.panel-head", {}, [h("h2.panel-title", { id: "checks-title", text: "Parts" })]), this.#checks,
      ]),
      this.#parts,
    ]);
    void this.#load();
    this.#timer = setInterval(() => void this.#load(), EVERY_MS);
  }

  #state; #tiles; #checks; #parts;

  close() { clearInterval(this.#timer); }

  async #load() {
    try {
      this.#show(await get("/api/v1/health"));
    } catch (error) {
      this.#state.dataset.ready = "false";
      put(this.#state, "problem", () => [problem(error)]);
    }
  }

  #show(health) {
    const failed = health.checks.filter((check) => !check.ok).map((check) => check.name);
    this.#state.dataset.ready = String(health.ready);
    put(this.#state, failed.join() || "ready", () => [
      icon(health.ready ? ICONS.check : ICONS.cross),
      h("span", { text: health.ready ? "Everything works. New calls are answered." : `Not well: ${failed.map(words).join(", ")}` }),
    ]);
    this.#tiles.calls.show(String(health.calls.live), health.calls.is_draining ? "draining" : "");
    this.#tiles.taken.show(String(health.calls.taken), "calls");
    this.#tiles.refused.show(String(health.calls.refused), "calls");
    this.#tiles.up.show(span(health.uptime_s), `version ${health.version}`);
    put(this.#checks, JSON.stringify(health.checks), () => health.checks.map((check) => h("li.check", { "data-ok": String(check.ok) }, [
      h("span.check-face", {}, [icon(check.ok ? ICONS.check : ICONS.cross)]),
      h("span.check-name", { text: NAMES[check.name] ?? words(check.name) }),
      h("span.check-detail", { text: check.detail || (check.ok ? "Works" : "Does not work") }),
    ])));
    const { speech, workers, models, providers, store, events } = health;
    put(this.#parts, JSON.stringify([speech, workers, models, providers, store, events]), () => [
      part("Worker processes", workers.length === 0 ? [h("p.is-soft", { text: "None is configured." })] : workers.map((worker) => row(
        worker.name.replace("sip", "SIP").replace("webrtc", "Browser"), pill(worker.ok ? "Up" : "Down", worker.ok ? "good" : "danger").root,
        `${worker.calls} calls${worker.pid ? ` · process ${worker.pid}` : ""}`,
      ))),
      part("Speech", [facts([
        ["Workers ready", `${speech.ready} of ${speech.workers}`], ["Busy", speech.busy], ["Waiting", speech.queued],
        ...Object.entries(speech.run_p50_ms).map(([kind, ms]) => [`${words(kind)}, median`, millis(ms)]),
        ["Failed / refused / late", `${speech.failed} / ${speech.refused} / ${speech.timed_out}`], ["Started again", speech.restarts],
      ])]),
      models.length === 0 ? null : part("Language models", models.map((model) => row(
        `${model.agent}: ${model.model}`, pill(MODEL_WORDS[model.state] ?? model.state, MODEL_TONES[model.state] ?? "soft").root,
        `${model.host} · ${model.answered} answered, ${model.failed} failed`,
      ))),
      part("Message providers", providers.length === 0 ? [h("p.is-soft", { text: "None is configured: messages cannot be sent." })] : providers.map((provider) => row(
        words(provider.name), pill(PROVIDER_WORDS[provider.state] ?? provider.state, PROVIDER_TONES[provider.state] ?? "soft").root,
        `${provider.waiting} waiting`,
      ))),
      part("Store and events", [facts([
        ["Writes waiting", store.backlog], ["Writes lost", store.lost], ["Consoles open", events.watchers], ["Events missed", events.missed],
      ])]),
    ]);
  }
}

function part(title, children) {
  return h("section.panel", {}, [h("div.panel-head", {}, [h("h2.panel-title", { text: title })]), h("div.panel-pad", {}, children)]);
}

function row(name, mark, more) {
  return h("div.part-row", {}, [h("span.part-name", { text: name }), mark, h("span.is-soft", { text: more })]);
}
