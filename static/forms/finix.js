// Hosted fields: a card or a bank account is typed into frames of the payment platform, and the page around them gets a
// token. The page never gets a number or a security code: no message that comes here carries one.
//
//   const form = PaymentForm.card((state, binInformation) => { … });
//   document.getElementById("number").appendChild(form.field("number", { validations: "required, cardNumber" }));
//   form.submit("sandbox", "AP…", (err, res) => { … res.data.id … });
//   form.onSubmit(() => { … });              // Enter in any field
//
// Load it by a <script src> of its own: the frames come from the address that the script came from.
(() => {
  "use strict";

  const script = document.currentScript;
  if (!script || !script.src) throw new Error("PaymentForm: load finix.js by <script src>, neither as a module nor bundled.");
  const FRAMES = new URL("fields/", script.src).href;
  const HOME = new URL(script.src).origin;

  const KINDS = {
    PAYMENT_CARD: [
      "number", "expiration_date", "security_code", "name", "address.line1", "address.line2", "address.city",
      "address.region", "address.postal_code", "address.country",
    ],
    BANK_ACCOUNT: ["account_number", "bank_code", "account_type", "name", "country"],
  };
  const LOADING_SECONDS = 15;
  const ANSWER_SECONDS = 45; // the frame itself gives up after 30

  const forms = new Set();

  // The one ear of all forms. What does not come from one of our frames is not ours to hear.
  window.addEventListener("message", (event) => {
    if (event.origin !== HOME || !event.data || event.data.hostedField === undefined) return;
    for (const form of forms) {
      const field = form.fieldOf(event.source);
      if (field) form.hear(field, event.data);
    }
  });

  const randomId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  // A refusal that no server made. `errors` are the messages of each field.
  const refusal = (message, errors = {}) => ({ status: 0, statusText: "", message, errors, data: null });

  // A frame whose own document is in a sandbox has no origin to come from.
  const isInSandbox = () => window.origin === "null" && location.protocol.startsWith("http");

  class Form {
    constructor(kind, callback) {
      this.kind = kind;
      this.callback = callback;
      this.id = randomId();
      this.fields = new Map();
      this.binInformation = { cardBrand: "unknown", bin: "" };
      this.pending = null;
      this.count = 0;
      this.handler = null;
    }

    field(type, options = {}) {
      if (!KINDS[this.kind].includes(type)) {
        throw new TypeError(`PaymentForm: there is no field "${type}" here, only ${KINDS[this.kind].join(", ")}.`);
      }
      if (this.fields.has(type)) throw new TypeError(`PaymentForm: this form has a field "${type}" already.`);
      const wrapper = document.createElement("div");
      const frame = document.createElement("iframe");
      Object.assign(wrapper.style, { position: "relative", height: "100%", minHeight: "2.25rem" });
      Object.assign(frame.style, {
        position: "absolute", inset: "0", width: "100%", height: "100%", border: "0", background: "transparent",
        // As the document within, or browsers put an opaque sheet behind it.
        colorScheme: options.styles?.default?.colorScheme ?? "normal",
      });
      frame.src = FRAMES + type;
      frame.title = options.label ?? "";
      frame.setAttribute("scrolling", "no");
      wrapper.append(frame);
      wrapper.focus = () => frame.focus();
      this.fields.set(type, { type, frame, options, isReady: false, state: null });
      return wrapper;
    }

    submit(environment, application, callback) {
      if (typeof callback !== "function") throw new TypeError("PaymentForm: submit(environment, applicationId, callback).");
      const present = this.present();
      if (this.pending) this.refuse(callback, "The form is being sent already.");
      else if (isInSandbox()) this.refuse(callback, "This page lies in a sandbox without allow-same-origin. Hosted fields cannot work there.");
      else if (present.length === 0) this.refuse(callback, "None of the form's fields is in the page.");
      else {
        this.pending = { number: ++this.count, environment, application, callback, isSent: false };
        this.giveUpAfter(LOADING_SECONDS, "The fields have not loaded. Check the connection and try again.");
        this.send();
      }
      return this;
    }

    onSubmit(handler) {
      this.handler = handler;
      return this;
    }

    // --- what follows is between the library and its frames ---

    present() {
      return [...this.fields.values()].filter((field) => field.frame.isConnected);
    }

    fieldOf(source) {
      return source && this.present().find((field) => field.frame.contentWindow === source);
    }

    tell(field, message) {
      field.frame.contentWindow.postMessage({ hostedField: 1, ...message }, HOME);
    }

    hear(field, message) {
      if (message.hostedField === "ready") this.introduce(field, message);
      else if (message.hostedField === "state") this.remember(field, message);
      else if (message.hostedField === "enter") this.handler?.();
      else if (message.hostedField === "answer") this.settle(message.number, message.error, message.response);
    }

    introduce(field, message) {
      const { label, validations, placeholder, autoComplete, styles, mask, defaultValue } = field.options;
      const options = { label, validations, placeholder, autoComplete, styles, mask, defaultValue };
      field.frame.title = label ?? message.label;
      field.isReady = false;
      this.tell(field, { act: "begin", form: this.id, kind: this.kind, options });
    }

    remember(field, message) {
      field.isReady = true;
      field.state = message.state;
      if (message.binInformation) this.binInformation = message.binInformation;
      this.send();
      const known = [...this.fields.values()].filter(({ state }) => state);
      const state = Object.fromEntries(known.map(({ type, state }) => [type, { ...state }]));
      this.callback?.(state, { ...this.binInformation });
    }

    // Any frame can gather the others; the first does, once all are there.
    send() {
      const present = this.present();
      if (!this.pending || this.pending.isSent || !present.every(({ isReady }) => isReady)) return;
      this.pending.isSent = true;
      this.giveUpAfter(ANSWER_SECONDS, "No answer came. Nothing was charged; try again.");
      const { number, environment, application } = this.pending;
      const types = present.map(({ type }) => type);
      this.tell(present[0], { act: "submit", number, environment, application, types });
    }

    giveUpAfter(seconds, message) {
      const { number } = this.pending;
      clearTimeout(this.pending.timer);
      this.pending.timer = setTimeout(() => this.settle(number, refusal(message)), seconds * 1000);
    }

    settle(number, error, response) {
      if (this.pending?.number !== number) return; // given up meanwhile
      const { callback, timer } = this.pending;
      clearTimeout(timer);
      this.pending = null;
      callback(error ?? null, response);
    }

    refuse(callback, message) {
      setTimeout(() => callback(refusal(message)));
    }
  }

  const begin = (kind) => (callback) => {
    const form = new Form(kind, callback);
    forms.add(form);
    const face = {
      field: (type, options) => form.field(type, options),
      submit: (...told) => (form.submit(...told), face),
      onSubmit: (handler) => (form.onSubmit(handler), face),
    };
    return Object.freeze(face);
  };

  window.PaymentForm = Object.freeze({ card: begin("PAYMENT_CARD"), bankAccount: begin("BANK_ACCOUNT") });
})();
