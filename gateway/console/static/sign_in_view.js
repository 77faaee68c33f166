/** The form that asks for a token. */

import { iconAddress, signIn } from "./api.js";
import { h } from "./dom.js";

const WORDS = {
  401: "That is not a token of this gateway.",
  403: "This token may not look at calls. Take one with the scope read.",
  429: "Too many wrong tokens came from here. Wait a little and try again.",
};

/** Return the form; `onEnter` is called with what the console is told about itself. */
export function signInForm(onEnter, problem = "") {
  const field = h("input.field-input", {
    id: "token", type: "password", name: "token", autocomplete: "current-password", required: true,
    spellcheck: "false", autocapitalize: "off", "aria-describedby": "token-hint sign-in-problem",
  });
  const fault = h("p.form-problem", { id: "sign-in-problem", role: "alert", text: problem });
  const button = h("button.main-button.is-wide", { type: "submit", text: "Sign in" });
  const form = h("form.sign-in-form", {
    on: {
      submit: async (event) => {
        event.preventDefault();
        button.disabled = true;
        fault.textContent = "";
        try {
          const facts = await signIn(field.value.trim());
          field.value = "";
          onEnter(facts);
        } catch (error) {
          fault.textContent = WORDS[error.status] ?? error.message;
          field.select();
        } finally {
          button.disabled = false;
        }
      },
    },
  }, [
    h("label.field-label", { for: "token", text: "API token" }),
    field,
    h("p.field-hint", { id: "token-hint" }, ["Make one with ", h("code", { text: "offhook tokens create" }), ", or take the file ", h("code", { text: "api-token" }), " of the data folder."]),
    fault,
    button,
  ]);
  return h("main.sign-in", {}, [
    h("section.sign-in-card", { "aria-labelledby": "sign-in-title" }, [
      h("img", { src: iconAddress, alt: "", width: "48", height: "48" }),
      h("h1.sign-in-title", { id: "sign-in-title", text: "Offhook console" }),
      h("p.sign-in-words", { text: "Calls, rooms and messages of this gateway." }),
      form,
    ]),
  ]);
}
