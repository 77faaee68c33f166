/** Gets a microphone, tells clearly why there is none, and lists what could be used instead. */

import { MicrophoneProblem, problemOf } from "./microphone_problem.js";

const CONSTRAINTS = {
  channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true,
};

/** No microphone; `problem` is one of `MicrophoneProblem`. */
export class MicrophoneUnavailable extends Error {
  constructor(problem) {
    super(`no microphone: ${problem}`);
    this.problem = problem;
  }
}

/**
 * Return the audio track of a microphone; throws `MicrophoneUnavailable`.
 *
 * A chosen device that is gone is not an error: the default one is taken instead.
 */
export async function openMicrophone(deviceId = "") {
  if (!globalThis.navigator?.mediaDevices?.getUserMedia) {
    throw new MicrophoneUnavailable(MicrophoneProblem.INSECURE);
  }
  const chosen = deviceId ? { deviceId: { ideal: deviceId } } : {};
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: { ...CONSTRAINTS, ...chosen }, video: false,
    });
    return stream.getAudioTracks()[0];
  } catch (error) {
    throw new MicrophoneUnavailable(problemOf(error));
  }
}

/** Whether the microphone will be given without a question. False where the browser does not say. */
export async function isMicrophoneGranted() {
  try {
    const permission = await navigator.permissions.query({ name: "microphone" });
    return permission.state === "granted";
  } catch {
    // Firefox before 132 does not know this name: the question may come, so we wait for its answer.
    return false;
  }
}

/** Return `{microphones, speakers}`, each a list of `{id, label}`; labels only once granted. */
export async function listDevices() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const of = (kind, word) =>
    devices
      .filter((device) => device.kind === kind && device.deviceId !== "")
      .map((device, index) => ({ id: device.deviceId, label: device.label || `${word} ${index + 1}` }));
  return { microphones: of("audioinput", "Microphone"), speakers: of("audiooutput", "Speaker") };
}
