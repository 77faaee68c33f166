/**
 * The call panel: puts the views together and ties them to one call at a time. The page and the widget
 * both show it; neither knows what is inside.
 */

import { Call } from "./call.js";
import { State, isLive, isUp } from "./call_state.js";
import { ComposerView } from "./composer_view.js";
import { ControlsView } from "./controls_view.js";
import { DevicesView } from "./devices_view.js";
import { element } from "./dom.js";
import { KeypadView } from "./keypad_view.js";
import { MeterView } from "./meter_view.js";
import { NoticeView } from "./notice_view.js";
import { QualityView } from "./quality_view.js";
import { StageView } from "./stage_view.js";
import { Transcript } from "./transcript.js";
import { TranscriptView } from "./transcript_view.js";
import { duration, ofEnding, ofFailure, ofMicrophone } from "./words.js";

export class CallPanel extends EventTarget {
  #options;
  #call = null;
  #microphoneId = "";
  #microphoneProblem = null;
  #isSoundBlocked = false;
  #transcript = new Transcript();
  #stage = new StageView();
  #notice = new NoticeView();
  #quality = new QualityView();
  #agentMeter = new MeterView("Agent");
  #callerMeter = new MeterView("You");
  #lines = new TranscriptView();
  #keypad = new KeypadView((digit) => this.#call?.press(digit) ?? false);
  #devices = new DevicesView({
    onMicrophone: (id) => this.#chooseMicrophone(id),
    onSpeaker: (id) => void this.#chooseSpeaker(id),
  });
  #composer = new ComposerView((words) => this.#type(words));
  #controls = new ControlsView({
    onCall: () => this.dial(),
    onHangUp: () => this.#call?.hangUp(),
    onMute: () => this.#mute(),
    onKeypad: () => this.#open("keypad"),
    onDevices: () => this.#open("devices"),
  });
  #audio = element("audio", { autoplay: true });
  #opened = null;
  #lastDrawnMs = 0;

  /**
   * @param {object} options
   * @param {URL|string} options.base address of the gateway
   * @param {() => Promise<string>} options.getToken asked once for each call
   * @param {string} options.agent name of the agent to call; "" for the default one
   * @param {string} options.title what the person reads as its name
   */
  constructor(options) {
    super();
    this.#options = options;
    this.root = element("section.panel", {
      "aria-label": "Call", on: { keydown: (event) => this.#key(event) },
    }, [element("div.panel-body", {}, [this.#stageArea(), this.#talkArea(), this.#audio])]);
    this.setAgent(options.agent, options.title);
    this.#show(State.IDLE);
    // A closed tab must not leave the agent talking to nobody, nor wait for a timeout to tell it.
    globalThis.addEventListener("pagehide", () => this.#call?.hangUp());
  }

  get state() {
    return this.#call?.state ?? State.IDLE;
  }

  get durationMs() {
    return this.#call?.durationMs ?? 0;
  }

  setAgent(agent, title) {
    this.#options = { ...this.#options, agent, title };
    this.#stage.setName(title);
    this.#lines.setAgentName(title);
    this.#agentMeter.setName(title);
    this.root.setAttribute("aria-label", `Call ${title}`);
  }

  /** Show a failure before any call: the page knows already that none can be made. */
  showFailure(failure) {
    this.#notice.show(ofFailure(failure), { kind: "fault" });
  }

  /** Start a call; from a click, for browsers give sound only then. */
  dial() {
    if (isLive(this.state)) return;
    const { base, agent, getToken } = this.#options;
    this.#transcript.clear();
    this.#lines.clear();
    this.#keypad.clear();
    this.#notice.hide();
    this.#microphoneProblem = null;
    this.#isSoundBlocked = false;
    this.#stage.setSession("");
    this.#controls.showMuted(false);
    const call = new Call({
      base, agent, getToken, microphoneId: this.#microphoneId, audio: this.#audio,
    });
    this.#call = call;
    const on = (name, take) => call.addEventListener(name, ({ detail }) => {
      if (this.#call === call) take(detail);
    });
    on("state", (state) => this.#show(state));
    on("session", (session) => this.#session(session));
    on("line", (line) => {
      this.#transcript.update(line);
      this.#lines.show(this.#transcript.lines);
    });
    on("microphone", (problem) => this.#microphone(problem));
    on("quality", (figures) => this.#quality.show(figures));
    on("level-source", ({ side, read }) => this.#meterOf(side).setSource(read));
    on("blocked-sound", () => this.#soundBlocked());
    void call.dial();
    requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  hangUp() {
    this.#call?.hangUp();
  }

  focus() {
    this.#controls.focus(isLive(this.state) ? "hangUp" : "call");
  }

  #stageArea() {
    return element("div.stage", {}, [
      this.#quality.root, this.#stage.root, this.#notice.root,
      element("div.meters", {}, [this.#agentMeter.root, this.#callerMeter.root]),
      this.#keypad.root, this.#devices.root, this.#controls.root,
    ]);
  }

  #talkArea() {
    return element("div.talk", {}, [this.#lines.root, this.#composer.root]);
  }

  #show(state) {
    const live = isLive(state);
    const hadFocus = this.#controls.hasFocusIn(this.root.getRootNode());
    this.root.dataset.state = state;
    this.root.toggleAttribute("data-up", isUp(state));
    this.#controls.showLive(live, state === State.IDLE ? "Call" : "Call again");
    this.#controls.setEnabled("keypad", isUp(state));
    // A change while it rings would cut what was said since the click in two.
    this.#controls.setEnabled("devices", isUp(state));
    this.#composer.setEnabled(isUp(state));
    this.#quality.reset(isUp(state));
    this.#showStatus();
    // The button that was pressed has gone: the focus goes to the one in its place.
    if (hadFocus && [State.ASKING, State.ENDED, State.FAILED].includes(state)) this.focus();
    if (state === State.IN_CALL) void this.#devices.refresh();
    if (state === State.ENDED || state === State.FAILED) this.#finish();
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  #showStatus() {
    const state = this.state;
    let note = "";
    if (state === State.IN_CALL && this.#call.isMuted) note = "You are muted";
    else if (state === State.ENDED && this.#call.durationMs > 0) {
      note = `Call ended after ${duration(this.#call.durationMs)}`;
    }
    this.#stage.showState(state, note);
  }

  #finish() {
    this.#open(null);
    this.#transcript.settle();
    this.#lines.show(this.#transcript.lines);
    this.#agentMeter.setSource(null);
    this.#callerMeter.setSource(null);
    const { cause, failure } = this.#call.outcome;
    const words = failure ? ofFailure(failure) : ofEnding(cause);
    if (failure || words.text !== "") {
      this.#notice.show(words, { kind: this.state === State.FAILED ? "fault" : "info" });
    } else this.#notice.hide();
  }

  #session(session) {
    this.#stage.setSession(session);
    this.#showStatus();
  }

  #microphone(problem) {
    this.#microphoneProblem = problem;
    this.#controls.setEnabled("mute", problem === null);
    this.#showCallNotice();
    if (problem === null) void this.#devices.refresh();
  }

  #soundBlocked() {
    this.#isSoundBlocked = true;
    this.#showCallNotice();
  }

  /** What matters most of what stands in the way of hearing and being heard. */
  #showCallNotice() {
    if (this.#isSoundBlocked) {
      this.#notice.show({ title: "Your browser holds the sound back", text: "" }, {
        action: "Turn sound on",
        onAction: () => {
          this.#isSoundBlocked = false;
          void this.#audio.play();
          this.#showCallNotice();
        },
      });
    } else if (this.#microphoneProblem !== null) {
      this.#notice.show(ofMicrophone(this.#microphoneProblem), {
        action: "Try again", onAction: () => void this.#call?.useMicrophone(),
      });
    } else this.#notice.hide();
  }

  #chooseMicrophone(id) {
    this.#microphoneId = id;
    void this.#call?.useMicrophone(id);
  }

  async #chooseSpeaker(id) {
    try {
      await this.#audio.setSinkId(id);
    } catch (error) {
      // It was unplugged since the list was made: the list is what has to change.
      console.info("offhook: this speaker cannot be used:", error.message);
      await this.#devices.refresh();
    }
  }

  #mute() {
    this.#call?.setMuted(!this.#call.isMuted);
    this.#controls.showMuted(this.#call?.isMuted ?? false);
    this.#showStatus();
  }

  #type(words) {
    const line = this.#transcript.addTyped(words);
    const isSent = this.#call?.sendText(words, line.id) ?? false;
    if (!isSent) this.#transcript.remove(line);
    this.#lines.show(this.#transcript.lines);
    return isSent;
  }

  /** Show keypad or devices in the place of the other; the one that is open closes. */
  #open(name) {
    const opened = this.#opened === name ? null : name;
    for (const [each, view] of [["keypad", this.#keypad], ["devices", this.#devices]]) {
      const hadFocus = view.root.contains(view.root.getRootNode().activeElement);
      view.root.hidden = each !== opened;
      this.#controls.showOpen(each, each === opened);
      if (hadFocus && each !== opened && isLive(this.state)) this.#controls.focus(each);
    }
    this.#opened = opened;
    this.root.dataset.opened = opened ?? "";
    if (opened === "keypad") this.#keypad.focus();
    if (opened === "devices") {
      void this.#devices.refresh();
      this.#devices.focus();
    }
  }

  #key(event) {
    if (event.key === "Escape" && this.#opened !== null) {
      event.stopPropagation();
      this.#open(this.#opened);
    } else if (this.#opened === "keypad" && !isTyping(event.target) && this.#keypad.takeKey(event)) {
      event.preventDefault();
    }
  }

  #meterOf(side) {
    return side === "agent" ? this.#agentMeter : this.#callerMeter;
  }

  #draw(nowMs) {
    const elapsedS = Math.min(0.1, Math.max(0, (nowMs - this.#lastDrawnMs) / 1000));
    this.#lastDrawnMs = nowMs;
    this.#stage.showLevels(this.#agentMeter.update(elapsedS), this.#callerMeter.update(elapsedS));
    this.#stage.showTime(this.durationMs);
    if (isLive(this.state)) requestAnimationFrame((next) => this.#draw(next));
    else this.#settleMeters();
  }

  #settleMeters() {
    this.#agentMeter.update(1);
    this.#callerMeter.update(1);
    this.#stage.showLevels(0, 0);
  }
}

function isTyping(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}
