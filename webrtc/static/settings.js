/** What the gateway tells the page about itself, read with care and with defaults. */

const DEFAULT_GRACE_S = 20;

function agentsOf(raw) {
  if (!Array.isArray(raw)) return [];
  return raw
    .map((entry) => (typeof entry === "string" ? { name: entry } : entry))
    .filter((entry) => typeof entry?.name === "string" && entry.name !== "")
    .map(({ name, title }) => ({ name, title: title || titleOf(name) }));
}

/** "front_desk" → "Front desk": a configured name as a person would read it. */
export function titleOf(name) {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return the settings in one shape, whatever was left out. */
export function settingsOf(raw) {
  const given = raw !== null && typeof raw === "object" ? raw : {};
  return {
    agents: agentsOf(given.agents),
    iceServers: Array.isArray(given.ice_servers) ? given.ice_servers : [],
    isRelayOnly: given.relay_only === true,
    hasEarlyAudio: given.early_audio !== false,
    isTokenNeeded: given.token_needed === true,
    graceMs: 1000 * (Number.isFinite(given.grace_s) ? given.grace_s : DEFAULT_GRACE_S),
  };
}
