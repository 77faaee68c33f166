/**
 * One call, from the click to its end: drives microphone, signalling, transport and instant connect by
 * the state table, and tells the view what happened. Used once; calling again makes another.
 *
 * Events: "state" (the new state), "session" (what the agent's side does), "line", "microphone" (null
 * or a `MicrophoneProblem`), "quality" (figures), "level-source" (side and meter), "blocked-sound".
 */

import { State, Trigger, isLive, next } from "./call_state.js";
import * as messages from "./channel_messages.js";
import { EarlyCapture } from "./early_capture.js";
import { isMicrophoneGranted, openMicrophone } from "./microphone.js";
import { MicrophoneProblem } from "./microphone_problem.js";
import { Peer } from "./peer.js";
import { QualityWatch } from "./quality.js";
import { Reconnector } from "./reconnector.js";
import { Sign } from "./restart_policy.js";
import { settingsOf } from "./settings.js";
import { Kind, Signalling } from "./signalling.js";
import { Sound } from "./sound.js";
import { isFault } from "./words.js";

const QUALITY_FIRST_MS = 600;
const QUALITY_EVERY_MS = 2000;
/** From the answer to ICE and DTLS being up. */
const CONNECT_BOUND_MS = 20000;

export class Call extends EventTarget {
  #options;
  #state = State.IDLE;
  #outcome = null;
  #connectedAtMs = null;
  #durationMs = 0;
  #sound = null;
  #microphone = null;
  #microphoneKnown = null;
  #isMuted = false;
  #capture = null;
  #hasEarlyAudio = false;
  #signalling = null;
  #peer = null;
  #reconnector = null;
  #quality = new QualityWatch();
  #qualityTimer = null;
  #connectTimer = null;

  /**
   * @param {object} options
   * @param {string} options.base address of the gateway
   * @param {string} options.agent name; empty for the default
   * @param {() => Promise<string>} options.getToken resolves to a token, or "" for none
   * @param {string} options.microphoneId preferred device, or ""
   * @param {HTMLAudioElement} options.audio plays the far end
   */
  constructor(options) {
    super();
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /** How it ended: `{cause}` for the gateway's word, `{failure}` for what went wrong, else null. */
  get outcome() {
    return this.#outcome;
  }

  get isMuted() {
    return this.#isMuted;
  }

  get durationMs() {
    if (this.#connectedAtMs === null) return 0;
    return isLive(this.#state) ? performance.now() - this.#connectedAtMs : this.#durationMs;
  }

  /** Start the call; to be called from the click itself. Never throws: failures are states. */
  async dial() {
    const clickMs = performance.now();
    this.#apply(Trigger.DIAL);
    this.#sound = new Sound();
    this.#microphoneKnown = this.#openMicrophone(clickMs);
    try {
      const isGranted = await isMicrophoneGranted();
      // With the permission at hand nothing waits for the device; without it the agent must not greet
      // a person who is reading a question of the browser's.
      if (!isGranted) await this.#microphoneKnown;
      if (!this.#apply(Trigger.MICROPHONE_KNOWN)) return;
      await this.#connect(isGranted);
    } catch (error) {
      this.#fault(error.kind ? error : { kind: Kind.UNSUPPORTED, detail: error.message, error });
    }
  }

  hangUp() {
    if (!isLive(this.#state)) return;
    this.#peer?.send(messages.hangup());
    this.#end(Trigger.OVER, { cause: "caller_hung_up" });
  }

  setMuted(isMuted) {
    this.#isMuted = isMuted;
    if (this.#microphone) this.#microphone.enabled = !isMuted;
  }

  /** Press a key of the telephone; false if it cannot be sent now. */
  press(digit) {
    return this.#peer?.send(messages.dtmf(digit)) ?? false;
  }

  /** Say something in writing, in the same conversation; false if it cannot be sent now. */
  sendText(words, id) {
    return this.#peer?.send(messages.text(words, id)) ?? false;
  }

  /** Speak through another microphone (or, with none chosen, try again for any). */
  async useMicrophone(deviceId = this.#options.microphoneId) {
    this.#options.microphoneId = deviceId;
    if (!isLive(this.#state) || this.#state === State.ASKING) return;
    const before = this.#microphone;
    const track = await this.#obtain(deviceId);
    if (track === null) return;
    await this.#sendDirectly();
    if (before !== null) stop(before);
  }

  async #openMicrophone(clickMs) {
    const track = await this.#obtain(this.#options.microphoneId);
    if (track === null || !(await this.#sound.isReady) || !isLive(this.#state)) return;
    if (this.#microphone !== track) return;
    const graph = this.#sound.captureGraph(track);
    this.#capture = new EarlyCapture(graph, clickMs, () => void this.#sendDirectly());
  }

  /** Open a microphone and take it for this call; null, and told why, if there is none. */
  async #obtain(deviceId) {
    let track = null;
    try {
      track = await openMicrophone(deviceId);
    } catch (error) {
      this.#tell("microphone", error.problem);
      return null;
    }
    if (!isLive(this.#state)) {
      track.stop();
      return null;
    }
    track.enabled = !this.#isMuted;
    track.onended = () => void this.#microphoneLost(track);
    this.#microphone = track;
    this.#tell("microphone", null);
    this.#tell("level-source", { side: "caller", read: this.#sound.meterOf(track) });
    return track;
  }

  async #microphoneLost(track) {
    if (this.#microphone !== track) return;
    this.#microphone = null;
    this.#tell("microphone", MicrophoneProblem.LOST);
    await this.#peer?.setTrack(null);
  }

  async #connect(isGranted) {
    const token = await this.#options.getToken();
    this.#signalling = new Signalling(this.#options.base, token);
    const settings = settingsOf(await this.#signalling.config());
    if (!isLive(this.#state)) return;
    this.#hasEarlyAudio = settings.hasEarlyAudio && (isGranted || this.#capture !== null);
    this.#peer = this.#newPeer(settings);
    const offer = await this.#peer.offer();
    if (!this.#apply(Trigger.OFFERED)) return;
    const answer = await this.#signalling.offer(offer, {
      agent: this.#options.agent, hasEarlyAudio: this.#hasEarlyAudio,
    });
    if (!isLive(this.#state)) {
      // Hung up while the agent was answering: only now is there something to delete.
      this.#deleteCall();
      return;
    }
    this.#reconnector = new Reconnector({
      peer: this.#peer, signalling: this.#signalling, graceMs: settings.graceMs,
      onOver: (kind) => this.#fault({ kind }),
    });
    this.#connectTimer = setTimeout(() => this.#fault({ kind: "transport" }), CONNECT_BOUND_MS);
    await this.#peer.accept(answer);
  }

  #newPeer(settings) {
    const peer = new Peer(settings);
    const on = (name, take) => peer.addEventListener(name, ({ detail }) => void take(detail));
    on("candidates", (fragment) => this.#trickle(fragment));
    on("connection", (state) => this.#connectionChanged(state));
    on("channel-open", () => this.#startAudio());
    on("channel-closed", () => this.#lost(Sign.FAILED));
    on("message", (data) => this.#take(messages.parse(data)));
    on("track", (track) => this.#play(track));
    return peer;
  }

  /** The channel is open: what was said so far goes first, then the live track takes over. */
  async #startAudio() {
    await this.#microphoneKnown;
    if (!isLive(this.#state)) return;
    if (!this.#hasEarlyAudio || this.#capture === null) {
      if (this.#hasEarlyAudio) this.#peer.send(messages.earlyEnd(0));
      await this.#sendDirectly();
      return;
    }
    await this.#peer.setTrack(this.#capture.track);
    this.#capture.handOver((message) => this.#peer.send(message));
  }

  /** Send the microphone itself, without the graph of instant connect in between. */
  async #sendDirectly() {
    await this.#peer?.setTrack(this.#microphone);
    this.#capture?.close();
    this.#capture = null;
  }

  async #trickle(fragment) {
    try {
      await this.#signalling.sendCandidates(fragment);
    } catch (error) {
      // The gateway learns our address from our own checks as well; a restart tells it all again.
      console.info("offhook: candidates were not taken:", error.message);
    }
  }

  #connectionChanged(state) {
    if (state === "connected") {
      clearTimeout(this.#connectTimer);
      this.#reconnector?.noteConnected();
      this.#connectedAtMs ??= performance.now();
      this.#watchQuality();
      this.#apply(Trigger.TRANSPORT_UP);
    } else if (state === "disconnected" || state === "failed") {
      this.#lost(state === "failed" ? Sign.FAILED : Sign.DISCONNECTED);
    }
  }

  #lost(sign) {
    if (!isLive(this.#state)) return;
    this.#reconnector?.note(sign);
    this.#apply(Trigger.TRANSPORT_LOST);
  }

  #take(message) {
    if (message === null || !isLive(this.#state)) return;
    if (message.type === "ended") {
      const trigger = isFault(message.cause) ? Trigger.FAULT : Trigger.OVER;
      this.#signalling.forget();
      this.#end(trigger, { cause: message.cause });
    } else if (message.type === "quality") {
      this.#quality.noteGateway(message);
    } else if (message.type === "line") {
      this.#tell("line", message);
    } else if (message.type === "state") {
      this.#tell("session", message.state);
    }
  }

  async #play(track) {
    const { audio } = this.#options;
    audio.srcObject = new MediaStream([track]);
    this.#tell("level-source", { side: "agent", read: this.#sound.meterOf(track) });
    try {
      await audio.play();
    } catch (error) {
      if (error.name === "NotAllowedError" && isLive(this.#state)) this.#tell("blocked-sound");
    }
  }

  #watchQuality() {
    if (this.#qualityTimer !== null) return;
    this.#qualityTimer = setInterval(() => void this.#measure(), QUALITY_EVERY_MS);
    setTimeout(() => void this.#measure(), QUALITY_FIRST_MS);
  }

  async #measure() {
    if (!isLive(this.#state)) return;
    const figures = this.#quality.read(await this.#peer.statistics());
    if (isLive(this.#state)) this.#tell("quality", figures);
  }

  #fault(failure) {
    if (!isLive(this.#state)) return;
    if (failure.error) console.error("offhook:", failure.error);
    if (failure.kind === Kind.NETWORK && new URL(this.#options.base).origin !== location.origin) {
      // To a page a forbidden origin looks like a network that is down; its developer should know both.
      console.warn(`offhook: if the gateway is up, is ${location.origin} among its webrtc.origins?`);
    }
    // A call that is gone at the gateway after it was up has ended; only how is not known.
    if (failure.kind === Kind.GONE) this.#signalling.forget();
    this.#end(Trigger.FAULT, { failure });
  }

  #end(trigger, outcome) {
    this.#durationMs = this.durationMs;
    this.#outcome = outcome;
    this.#apply(trigger);
    clearTimeout(this.#connectTimer);
    clearInterval(this.#qualityTimer);
    this.#deleteCall();
    this.#reconnector?.close();
    this.#capture?.close();
    if (this.#microphone !== null) stop(this.#microphone);
    this.#options.audio.srcObject = null;
    // A moment for the hang-up on the channel to leave before the channel does.
    setTimeout(() => this.#peer?.close(), 150);
    this.#sound?.close();
  }

  #deleteCall() {
    this.#signalling?.hangUp().catch((error) => {
      // The channel said it too, and the gateway ends a call whose transport is gone.
      console.info("offhook: the hang-up was not taken:", error.message);
    });
  }

  /** Apply a trigger, tell the view; false if the call has ended meanwhile. */
  #apply(trigger) {
    if (!isLive(this.#state) && this.#state !== State.IDLE) return false;
    const before = this.#state;
    this.#state = next(before, trigger);
    if (this.#state !== before) this.#tell("state", this.#state);
    return true;
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

function stop(track) {
  track.onended = null;
  track.stop();
}
