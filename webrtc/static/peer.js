/** One RTCPeerConnection: the offer, its answer, a restart, the data channel and the track we send. */

import { CHANNEL_LABEL } from "./channel_messages.js";
import { candidatesOf, fragmentOf, restarted } from "./sdp_fragment.js";

/** Candidates come in bursts: one request for each burst. */
const BURST_MS = 40;
/** A restart's first request waits this long for candidates, for they save a round trip. */
const GATHER_BOUND_MS = 400;

export class Peer extends EventTarget {
  #pc;
  #sender;
  #channel;
  #remoteSdp = "";
  #unsent = [];
  #burst = null;
  #isTrickling = false;
  #isComplete = false;
  #onComplete = () => {};

  /** @param {{iceServers: RTCIceServer[], isRelayOnly: boolean}} settings */
  constructor({ iceServers, isRelayOnly }) {
    super();
    this.#pc = new RTCPeerConnection({
      iceServers, iceTransportPolicy: isRelayOnly ? "relay" : "all", bundlePolicy: "max-bundle",
    });
    this.#sender = this.#pc.addTransceiver("audio", { direction: "sendrecv" }).sender;
    this.#channel = this.#pc.createDataChannel(CHANNEL_LABEL);
    this.#channel.binaryType = "arraybuffer";
    this.#channel.onopen = () => this.#tell("channel-open");
    this.#channel.onclose = () => this.#tell("channel-closed");
    this.#channel.onmessage = ({ data }) => this.#tell("message", data);
    this.#pc.onconnectionstatechange = () => this.#tell("connection", this.#pc.connectionState);
    this.#pc.ontrack = ({ track }) => this.#tell("track", track);
    this.#pc.onicecandidate = ({ candidate }) => this.#gathered(candidate);
  }

  get isConnected() {
    return this.#pc.connectionState === "connected";
  }

  get isChannelOpen() {
    return this.#channel.readyState === "open";
  }

  /** Return the SDP offer. */
  async offer() {
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    return this.#pc.localDescription.sdp;
  }

  /** Take the answer. Candidates are told from now on, in "candidates" events, as fragments. */
  async accept(sdp) {
    await this.#pc.setRemoteDescription({ type: "answer", sdp });
    this.#remoteSdp = sdp;
    this.#isTrickling = true;
    this.#flushSoon();
  }

  /** Begin an ICE restart; return the fragment for the gateway. */
  async offerRestart() {
    this.#isTrickling = false;
    this.#unsent = [];
    this.#isComplete = false;
    this.#pc.restartIce();
    await this.#pc.setLocalDescription(await this.#pc.createOffer());
    await this.#gatheredOr(GATHER_BOUND_MS);
    const { sdp } = this.#pc.localDescription;
    this.#unsent = [];
    const isComplete = this.#isComplete;
    this.#isComplete = false;
    return fragmentOf(sdp, candidatesOf(sdp), isComplete);
  }

  /** Take the gateway's fragment that answers a restart. */
  async acceptRestart(fragment) {
    await this.accept(restarted(this.#remoteSdp, fragment));
  }

  /** Send this track, or nothing at all for null. */
  async setTrack(track) {
    await this.#sender.replaceTrack(track);
  }

  /** Return false where the channel is not open: nothing was sent. */
  send(message) {
    if (!this.isChannelOpen) return false;
    this.#channel.send(message);
    return true;
  }

  async statistics() {
    return (await this.#pc.getStats()).values();
  }

  close() {
    clearTimeout(this.#burst);
    this.#pc.onconnectionstatechange = null;
    this.#channel.onclose = null;
    this.#pc.close();
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #gathered(candidate) {
    // Not by the gathering state: right after a restart it still says that the last one is complete.
    if (candidate === null) {
      this.#isComplete = true;
      this.#onComplete();
    } else if (candidate.candidate !== "") this.#unsent.push(candidate.candidate);
    if (this.#isTrickling) this.#flushSoon();
  }

  #flushSoon() {
    this.#burst ??= setTimeout(() => {
      this.#burst = null;
      if (!this.#isTrickling || (this.#unsent.length === 0 && !this.#isComplete)) return;
      const candidates = this.#unsent.splice(0);
      const fragment = fragmentOf(this.#pc.localDescription.sdp, candidates, this.#isComplete);
      this.#isComplete = false;
      this.#tell("candidates", fragment);
    }, BURST_MS);
  }

  /** Resolves when all candidates are known, or when it has taken long enough. */
  #gatheredOr(boundMs) {
    return new Promise((resolve) => {
      const bound = setTimeout(resolve, boundMs);
      this.#onComplete = () => {
        clearTimeout(bound);
        resolve();
      };
    });
  }
}
