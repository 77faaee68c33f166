// Listens to what the page is sent: every remote audio track, as PCM16 at 16 kHz.
// A script processor and not a worklet: a worklet's module would have to be let in by the page's policy.
(() => {
  const RATE_HZ = 16000;
  const ears = [];

  function listen(track) {
    const context = new AudioContext({ sampleRate: RATE_HZ });
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const tap = context.createScriptProcessor(2048, 1, 1);
    const ear = { parts: [] };
    tap.onaudioprocess = ({ inputBuffer }) => {
      const samples = inputBuffer.getChannelData(0);
      const pcm = new Int16Array(samples.length);
      for (let i = 0; i < samples.length; i++) {
        pcm[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32767)));
      }
      ear.parts.push(pcm);
    };
    source.connect(tap).connect(context.destination);
    void context.resume();
    ears.push(ear);
  }

  window.offhookHeard = () => {
    const whole = ears.flatMap((ear) => ear.parts);
    const bytes = new Uint8Array(whole.reduce((sum, part) => sum + part.byteLength, 0));
    let at = 0;
    for (const part of whole) {
      bytes.set(new Uint8Array(part.buffer), at);
      at += part.byteLength;
    }
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) {
      text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    }
    return btoa(text);
  };

  const peers = [];
  window.offhookPeers = peers;
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...options) {
      super(...options);
      peers.push(this);
      this.addEventListener("track", ({ track }) => listen(track));
    }
  };
})();
