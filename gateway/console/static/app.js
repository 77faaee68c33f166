/** The console: signs in, draws the frame, and shows one view at a time by the address's fragment. */

import { ApiError, get, iconAddress, signOut, whenSignedOut } from "./api.js";
import { AgentsView } from "./agents_view.js";
import { CallView } from "./call_view.js";
import { CallsView } from "./calls_view.js";
import { h, icon, say } from "./dom.js";
import { decoded } from "./format.js";
import { HealthView } from "./health_view.js";
import { ICONS } from "./icons.js";
import { LiveCalls } from "./live_calls.js";
import { OutboxView } from "./outbox_view.js";
import { setMasking } from "./privacy.js";
import { restWhileHidden } from "./resting.js";
import { RoomsView } from "./rooms_view.js";
import { signInForm } from "./sign_in_view.js";
import { Stream } from "./stream.js";

const PLACES = [
  { name: "calls", title: "Calls", view: CallsView },
  { name: "rooms", title: "Rooms", view: RoomsView },
  { name: "outbox", title: "Outbox", view: OutboxView },
  { name: "agents", title: "Agents", view: AgentsView },
  { name: "health", title: "Health", view: HealthView },
];

const root = document.getElementById("app");
const stream = new Stream();
const live = new LiveCalls(stream);
let shown = null;
let frame = null;

async function begin() {
  whenSignedOut(showSignIn);
  addEventListener("hashchange", show);
  restWhileHidden(document, stream);
  stream.addEventListener("refused", () => void get("/api/v1/session").catch(() => {}));
  try {
    enter(await get("/api/v1/session"));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) showSignIn(error.message);
  }
}

function enter(facts) {
  setMasking(facts.mask_pii);
  frame = drawFrame(facts);
  root.replaceChildren(frame.root);
  stream.open();
  show();
}

function showSignIn(problem = "") {
  shown?.close();
  shown = null;
  frame = null;
  stream.close();
  document.title = "Sign in · Offhook console";
  root.replaceChildren(signInForm(enter, typeof problem === "string" ? problem : ""));
  root.querySelector("input")?.focus();
}

/** Show what the address names: `#/calls`, `#/calls/c_1`, `#/rooms/r_1`, … */
function show() {
  if (frame === null) return;
  const [, name = "", part = ""] = location.hash.split("/");
  const id = decoded(part);
  const place = PLACES.find((each) => each.name === name) ?? PLACES[0];
  const View = place.name === "calls" && id !== "" ? CallView : place.view;
  // A view that can show another thing of its kind keeps what it has.
  if (shown instanceof View && shown.turnTo?.(id)) return;
  shown?.close();
  shown = new View({ stream, live, id });
  document.title = `${place.title} · Offhook console`;
  for (const link of frame.links) {
    if (link.dataset.place === place.name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  frame.main.replaceChildren(shown.root);
  frame.main.scrollTop = 0;
  scrollTo(0, 0);
}

function drawFrame(facts) {
  const links = PLACES.map(({ name, title }) =>
    h("a.nav-link", { href: `#/${name}`, "data-place": name }, [
      icon(ICONS[name]), h("span", { text: title }), name === "calls" ? h("span.nav-count", { hidden: true }) : null,
    ]));
  const count = links[0].querySelector(".nav-count");
  live.addEventListener("change", () => {
    const number = live.calls.length;
    count.hidden = number === 0;
    say(count, String(number));
  });
  const connection = h("p.connection", { role: "status", "data-state": stream.state }, [
    h("span.dot", { "aria-hidden": "true" }), h("span.connection-words", { text: "Connecting" }),
  ]);
  stream.addEventListener("connection", ({ detail }) => {
    connection.dataset.state = detail;
    say(connection.lastChild, detail === "open" ? "Live" : "Reconnecting");
  });
  const main = h("main.main", { id: "main", tabindex: "-1" });
  const leave = h("button.quiet-button", {
    type: "button", "aria-label": "Sign out", title: "Sign out",
    on: { click: () => void signOut().catch(() => {}).then(() => showSignIn()) },
  }, [icon(ICONS.signOut), h("span.wide-only", { text: "Sign out" })]);
  const skip = h("a.skip", {
    href: "#main", text: "Skip to content",
    on: { click: (event) => { event.preventDefault(); main.focus(); } },
  });
  return {
    root: h("div.frame", {}, [
      skip,
      h("header.side", {}, [
        h("a.brand", { href: "#/calls" }, [
          h("img", { src: iconAddress, alt: "", width: "28", height: "28" }),
          h("span", { text: "Offhook" }),
        ]),
        h("nav.nav", { "aria-label": "Console" }, links),
        h("div.side-foot", {}, [connection, h("p.version", { text: `Version ${facts.version}` }), leave]),
      ]),
      main,
    ]),
    main,
    links,
  };
}

void begin();
