/** The call page: reads whom to call from its address, shows the panel, lets choose among agents. */

import { element } from "./dom.js";
import { CallPanel } from "./panel.js";
import { isLive, isUp } from "./call_state.js";
import { settingsOf, titleOf } from "./settings.js";
import { Kind, Signalling, SignallingError } from "./signalling.js";

const TITLE = document.title;
const base = new URL("../../", import.meta.url);

/** Return the token of the address and take it out of sight: it is good for one call, and private. */
function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token") ?? "";
  if (token !== "") history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/**
 * Gives the token until a call has come of it: another one would be refused anyway. An attempt that came to
 * nothing (busy lines, no network) does not use it up.
 */
class Invitation {
  isUsed = false;
  #token;

  constructor(token) {
    this.#token = token;
  }

  async give() {
    if (this.#token !== "" && this.isUsed) {
      throw new SignallingError(Kind.TOKEN, { code: "token.replayed" });
    }
    return this.#token;
  }
}

async function start() {
  const wanted = new URLSearchParams(location.search).get("agent") ?? "";
  const token = takeToken();
  const invitation = new Invitation(token);
  const panel = new CallPanel({
    base, getToken: () => invitation.give(), agent: wanted, title: wanted ? titleOf(wanted) : "Agent",
  });
  document.getElementById("panel").replaceChildren(panel.root);
  panel.addEventListener("state", ({ detail }) => {
    // Whoever has gone to another tab finds the call again.
    document.title = isUp(detail) ? `On a call · ${TITLE}` : TITLE;
    invitation.isUsed ||= isUp(detail);
  });
  try {
    const settings = settingsOf(await new Signalling(base, token).config());
    if (settings.isTokenNeeded && token === "") {
      panel.showFailure({ kind: Kind.TOKEN, code: "token.missing" });
    }
    offerAgents(panel, settings.agents, wanted);
  } catch (error) {
    panel.showFailure(error.kind ? error : { kind: Kind.SERVER });
  }
}

function offerAgents(panel, agents, wanted) {
  const chosen = agents.find(({ name }) => name === wanted) ?? (wanted ? null : agents[0]);
  if (chosen) panel.setAgent(chosen.name, chosen.title);
  if (wanted || agents.length < 2) return;
  const select = element("select.agent-choice", {
    "aria-label": "Whom to call",
    on: {
      change: ({ target }) => {
        const { name, title } = agents.find((agent) => agent.name === target.value);
        panel.setAgent(name, title);
      },
    },
  }, agents.map(({ name, title }) => element("option", { value: name, text: title })));
  document.getElementById("agents").replaceChildren(select);
  panel.addEventListener("state", ({ detail }) => {
    select.disabled = isLive(detail);
  });
}

void start();
