// One hosted field, in a frame of ours within a page of somebody else's.
//
// What is typed here leaves in one way only: a frame of the same form gathers it from its siblings, which browsers allow
// within one origin, and posts it to the platform. Messages to the page say whether a field is filled, focused and right,
// the first six digits of a card, and in the end the token. Messages are heard from the page that embeds us and nobody
// else; nothing they can say makes a value leave.
"use strict";
{
  const { kind, environment } = document.documentElement.dataset;
  const box = document.querySelector("form");
  const input = document.getElementById("value");
  const label = document.querySelector("label");
  const brandSign = document.querySelector(".brand");
  const errorText = document.getElementById("error");
  const isChoice = input instanceof HTMLSelectElement;

  const SECONDS = 30;
  const digitsOf = (text) => text.replace(/[^0-9]/g, "");

  // --- cards ---

  // First digits from and to, of the same length; as the platform knows them.
  const NETWORKS = [
    ["300", "305", "diners_club"], ["309", "309", "diners_club"], ["34", "34", "american_express"],
    ["3528", "3589", "jcb"], ["36", "36", "diners_club"], ["37", "37", "american_express"],
    ["38", "39", "diners_club"], ["4", "4", "visa"], ["2221", "2720", "mastercard"], ["51", "55", "mastercard"],
    ["6011", "6011", "discover"], ["644", "649", "discover"], ["65", "65", "discover"],
    ["62", "62", "china_union_pay"], ["81", "81", "china_union_pay"],
  ];
  const BRAND_SIGNS = {
    visa: "Visa", mastercard: "Mastercard", american_express: "Amex", discover: "Discover", diners_club: "Diners Club",
    jcb: "JCB", china_union_pay: "UnionPay",
  };
  const GROUPS = { american_express: [4, 6, 5], diners_club: [4, 6, 4] };

  const brandOf = (digits) => {
    const found = NETWORKS.find(([first, last]) => {
      const start = digits.slice(0, first.length);
      return start.length === first.length && first <= start && start <= last;
    });
    return found ? found[2] : "unknown";
  };

  const checks = (digits) => {
    let sum = 0;
    [...digits].reverse().forEach((digit, at) => {
      const value = Number(digit) * (1 + (at % 2));
      sum += value > 9 ? value - 9 : value;
    });
    return sum % 10 === 0;
  };

  const grouped = (text) => {
    const digits = digitsOf(text).slice(0, 19);
    const parts = [];
    let rest = digits;
    for (const size of GROUPS[brandOf(digits)] ?? [4, 4, 4, 4, 3]) {
      if (rest) parts.push(rest.slice(0, size));
      rest = rest.slice(size);
    }
    return parts.join(" ") + rest;
  };

  // --- dates: "1", "12", "12/", "12/30", "12/2030", also as "1/30", "1230" and "12 - 2030" ---

  const dated = (text, isLonger) => {
    const apart = text.match(/^\D*(\d{1,2})\s*[/.\-\s]\s*(\d*)/);
    let [month, year] = apart ? [apart[1], apart[2]] : [digitsOf(text).slice(0, 2), digitsOf(text).slice(2)];
    if (month.length === 1 && (apart || Number(month) > 1)) month = `0${month}`;
    year = year.slice(0, 4);
    return month.length === 2 && (year || isLonger) ? `${month}/${year}` : month;
  };

  const dateOf = (text) => {
    const parts = text.match(/^(\d{2})\/(\d{2}|\d{4})$/);
    if (!parts) return null;
    return { month: Number(parts[1]), year: Number(parts[2].length === 2 ? `20${parts[2]}` : parts[2]) };
  };

  const isAhead = (text) => {
    const date = dateOf(text);
    if (!date || date.month < 1 || date.month > 12) return false;
    const now = new Date();
    const months = (date.year - now.getFullYear()) * 12 + date.month - 1 - now.getMonth();
    return months >= 0 && date.year <= now.getFullYear() + 50;
  };

  // --- the fields: how a value is written, what it adds to the request, and what is asked of it where nobody says ---

  const asText = { write: (text) => text, read: (text) => ({ [kind]: text.trim() }) };
  const asDigits = (most) => ({
    write: (text) => digitsOf(text).slice(0, most),
    read: (text) => ({ [kind]: digitsOf(text) }),
  });
  const FIELDS = {
    number: { write: grouped, read: (text) => ({ number: digitsOf(text) }), usual: ["cardNumber"] },
    expiration_date: {
      write: dated,
      leave: (text) => (dateOf(text) ? `${text.slice(0, 3)}${dateOf(text).year}` : text),
      read: (text) => {
        const date = dateOf(text);
        return date ? { expiration_month: date.month, expiration_year: date.year } : {};
      },
      usual: ["cardExpiry"],
    },
    security_code: { ...asDigits(4), usual: ["cardCVC?"] },
    account_number: { ...asDigits(17), usual: ["accountNumber"] },
    bank_code: { ...asDigits(9), usual: ["bankCode"] },
    account_type: { ...asText, usual: ["required"] },
  };
  const field = FIELDS[kind] ?? asText;

  const isRoutingNumber = (digits) =>
    digits.length === 9 && [...digits].reduce((sum, digit, at) => sum + Number(digit) * [3, 7, 1][at % 3], 0) % 10 === 0;

  const securityCodeFits = (digits) => {
    const brand = siblings().find((sibling) => sibling.kind === "number")?.brand() ?? "unknown";
    const lengths = brand === "unknown" ? [3, 4] : brand === "american_express" ? [4] : [3];
    return lengths.includes(digits.length);
  };

  const VALIDATIONS = {
    required: { message: "Value is required", holds: (text) => text.trim() !== "" },
    cardNumber: {
      message: "Invalid card number",
      holds: (text) => digitsOf(text).length >= 12 && checks(digitsOf(text)),
    },
    cardExpiry: { message: "Invalid expiration date", holds: isAhead },
    cardCVC: { message: "Invalid CVV", holds: (text) => securityCodeFits(digitsOf(text)) },
    accountNumber: { message: "Invalid account number", holds: (text) => digitsOf(text).length >= 5 },
    bankCode: { message: "Invalid routing number", holds: (text) => isRoutingNumber(digitsOf(text)) },
  };

  const readValidations = (told) => {
    if (told === undefined || told === null) return field.usual ?? [];
    const names = String(told).split(/[\s,]+/).filter(Boolean);
    return names.filter((name) => Object.hasOwn(VALIDATIONS, name));
  };

  // --- looks: some properties, and values that can neither load nor leave anything ---

  const PROPERTIES = new Set([
    "color", "background-color", "border", "border-color", "border-radius", "border-style", "border-width", "box-shadow",
    "font-family", "font-size", "font-style", "font-variant", "font-variant-numeric", "font-weight", "letter-spacing",
    "line-height", "outline", "outline-color", "outline-offset", "outline-style", "outline-width", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration", "text-shadow",
    "text-transform", "caret-color", "font-feature-settings",
  ]);
  const FUNCTIONS = new Set([
    "rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix", "light-dark", "calc",
    "min", "max", "clamp",
  ]);

  // What a browser may fill in: nothing that belongs to an account at our own address.
  const COMPLETIONS = /^(off|name|country|postal-code|(cc|address)-[a-z0-9-]{1,20})$/;

  const isSafe = (value) =>
    value.length <= 200 &&
    /^[\w\s#%.,()+*/"'-]*$/.test(value) &&
    [...value.matchAll(/([\w-]*)\s*\(/g)].every(([, name]) => name === "" || FUNCTIONS.has(name.toLowerCase()));

  const readStyles = (told) => {
    const styles = {};
    for (const state of ["default", "focus", "success", "error", "placeholder"]) {
      const pairs = Object.entries(Object(Object(told)[state])).map(([name, value]) => [
        name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
        String(value),
      ]);
      styles[state] = pairs.filter(([name, value]) => PROPERTIES.has(name) && isSafe(value));
    }
    return styles;
  };

  // --- state ---

  let embedder = null; // the origin of the page around us, once it has said what it wants
  let form = null;
  let instrument = null;
  let validations = [];
  let styles = readStyles();
  let placeholder = { text: "", hideOnFocus: false };
  let isDirty = false;
  let isFocused = false;
  let isTouched = false; // it was left after something was entered, or the form was sent: now errors are shown
  let serverErrors = [];
  let applied = [];

  const errors = () => {
    const text = input.value;
    const failing = validations.filter((name) => {
      const isOptional = name.endsWith("?");
      return !(isOptional && text === "") && !VALIDATIONS[name.replace("?", "")].holds(text);
    });
    return [...failing.map((name) => VALIDATIONS[name.replace("?", "")].message), ...serverErrors];
  };

  const brand = () => (kind === "number" ? brandOf(digitsOf(input.value)) : "unknown");

  const tellPage = (message) => {
    // A page that was opened from a file has no origin to name.
    window.parent.postMessage(message, embedder === "null" ? "*" : embedder);
  };

  const report = () => {
    if (embedder === null) return;
    show();
    const state = { isDirty, isFocused, errorMessages: errors() };
    if (isChoice) state.selected = input.value;
    const message = { hostedField: "state", state };
    if (kind === "number") message.binInformation = { cardBrand: brand(), bin: digitsOf(input.value).slice(0, 6) };
    tellPage(message);
  };

  const show = () => {
    const found = errors();
    const isRefused = isTouched && found.length > 0;
    const isRight = input.value !== "" && found.length === 0;
    for (const name of applied) input.style.removeProperty(name);
    const isHint = isChoice && input.value === "" && !isRefused; // the text of the empty choice
    const now = [
      ...styles.default.filter(([name]) => !(isHint && name === "color")),
      ...(isFocused ? styles.focus : []),
      ...(isRefused ? styles.error : isRight ? styles.success : []),
    ];
    for (const [name, value] of now) input.style.setProperty(name, value);
    applied = now.map(([name]) => name);
    box.classList.toggle("is-refused", isRefused);
    input.classList.toggle("is-empty", input.value === "");
    const sign = document.querySelector(".sign");
    sign.style.color = getComputedStyle(input).color;
    if (isRefused) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    const text = isRefused ? found[0] : "";
    if (errorText.textContent !== text) errorText.textContent = text;
    const mark = BRAND_SIGNS[brand()];
    brandSign.hidden = !mark;
    if (mark) brandSign.textContent = mark;
    if (!isChoice) input.placeholder = isFocused && placeholder.hideOnFocus ? "" : placeholder.text;
  };

  // --- typing ---

  // The caret stays behind the same digit while blanks come and go.
  const rewrite = (isLonger) => {
    if (isChoice) return;
    const before = input.value;
    const after = field.write(before, isLonger);
    if (after === before) return;
    const isAtEnd = input.selectionEnd === before.length;
    const digits = digitsOf(before.slice(0, input.selectionEnd)).length;
    input.value = after;
    let caret = 0;
    for (let seen = 0; caret < after.length && seen < digits; caret += 1) if (/\d/.test(after[caret])) seen += 1;
    if (isAtEnd) caret = after.length;
    input.setSelectionRange(caret, caret);
  };

  // A blank is not worth a key press: deleting over it takes the digit beside it.
  input.addEventListener("beforeinput", (event) => {
    if (field === asText || input.selectionStart !== input.selectionEnd) return;
    const at = input.selectionStart;
    const step = { deleteContentBackward: -1, deleteContentForward: 1 }[event.inputType];
    if (!step || !/[\s/]/.test(input.value[step < 0 ? at - 1 : at] ?? "")) return;
    event.preventDefault();
    const [from, to] = step < 0 ? [at - 2, at] : [at, at + 2];
    input.value = input.value.slice(0, Math.max(from, 0)) + input.value.slice(to);
    input.setSelectionRange(Math.max(Math.min(from, at), 0), Math.max(Math.min(from, at), 0));
    input.dispatchEvent(new InputEvent("input", { inputType: event.inputType }));
  });

  input.addEventListener("input", (event) => {
    rewrite(!String(event.inputType).startsWith("delete"));
    isDirty = true;
    serverErrors = [];
    report();
    if (kind === "number") for (const sibling of siblings()) if (sibling.kind === "security_code") sibling.look();
  });

  input.addEventListener("focus", () => {
    isFocused = true;
    report();
  });

  input.addEventListener("blur", () => {
    isFocused = false;
    if (isDirty) isTouched = true;
    if (field.leave) input.value = field.leave(input.value);
    report();
  });

  window.addEventListener("focus", () => input.focus());

  const enter = () => {
    if (embedder !== null) tellPage({ hostedField: "enter" });
  };

  box.addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });

  if (isChoice) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !(CSS.supports("selector(:open)") && input.matches(":open"))) {
        event.preventDefault();
        enter();
      }
    });
  }

  // --- the other fields of the form ---

  // Frames of the same origin in the same page that were begun for the same form. Others refuse to be looked into.
  const siblings = () => {
    const found = [];
    for (let at = 0; at < window.parent.length; at += 1) {
      try {
        const other = window.parent[at];
        const theirs = other.location.origin === location.origin ? other.hostedField : null;
        if (theirs && form !== null && theirs.form() === form) found.push(theirs);
      } catch {
        // Of another origin.
      }
    }
    return found;
  };

  // Seen by our own origin only.
  Object.defineProperty(window, "hostedField", {
    value: Object.freeze({
      kind,
      form: () => form,
      brand,
      errors,
      read: () => (input.value.trim() === "" ? {} : field.read(input.value)),
      look: report,
      touch: () => {
        isTouched = true;
        if (field.leave) input.value = field.leave(input.value);
        report();
      },
      refuse: (messages) => {
        serverErrors = messages;
        isTouched = true;
        report();
      },
      focus: () => {
        window.focus();
        input.focus();
      },
    }),
  });

  // --- the request ---

  const refusal = (message, messages = {}) => ({ status: 0, statusText: "", message, errors: messages, data: null });

  const bodyOf = (members) => {
    const body = { type: instrument };
    for (const member of members) {
      for (const [name, value] of Object.entries(member.read())) {
        const [whole, part] = name.split(".");
        if (part) body[whole] = { ...body[whole], [part]: value };
        else body[whole] = value;
      }
    }
    return body;
  };

  const fieldOfMember = (name) => (/^expiration_(month|year)$/.test(name) ? "expiration_date" : name);

  // What of an error body goes to the page: what the platform says, unless it says what was typed.
  const toldErrors = (answer, body) => {
    const typed = [body.number, body.account_number].filter(Boolean);
    const found = Array.isArray(answer?._embedded?.errors) ? answer._embedded.errors : [];
    return found.map(({ logref, code, message, field: member }) => {
      const isSilent = typed.some((value) => String(message).includes(value));
      const told = member === undefined ? message : String(message).replace(/`[^`]*` ?/g, ""); // it quotes what was typed
      return {
        logref, code, message: isSilent ? "The value was refused." : told,
        ...(member === undefined ? {} : { field: member }),
      };
    });
  };

  const refusedBy = (response, answer, members, body) => {
    const told = toldErrors(answer, body);
    const messages = {};
    for (const error of told) {
      const name = fieldOfMember(error.field ?? "");
      if (members.some((member) => member.kind === name)) (messages[name] ??= []).push(error.message);
    }
    for (const member of members) if (messages[member.kind]) member.refuse(messages[member.kind]);
    members.find((member) => messages[member.kind])?.focus();
    return {
      status: response.status,
      statusText: response.statusText,
      message: told[0]?.message ?? `The platform answered with status ${response.status}.`,
      errors: messages,
      data: { total: told.length, _embedded: { errors: told } },
    };
  };

  const TOKEN = ["id", "fingerprint", "created_at", "updated_at", "instrument_type", "expires_at", "currency"];

  const post = async (application, body) => {
    const response = await fetch(`/applications/${application}/tokens`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
      credentials: "omit",
      redirect: "error",
      cache: "no-store",
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    return [response, await response.json().catch(() => null)]; // something in between may answer in its own way
  };

  const tokenize = async ({ environment: wanted, application, types }) => {
    const members = siblings();
    const absent = Object(types) === types ? [...types].filter((type) => !members.some((member) => member.kind === type)) : [];
    if (absent.length) {
      return { error: refusal(`The fields cannot reach each other: ${absent.join(", ")}. Append them to the document itself, not to a shadow root.`) };
    }
    const here = environment === "live" ? ["live", "production"] : [environment];
    if (!here.includes(wanted)) {
      return { error: refusal(`This is the ${environment} environment; the form was sent to "${String(wanted).slice(0, 40)}".`) };
    }
    if (!/^AP[1-9A-Za-z]{1,40}$/.test(String(application))) {
      return { error: refusal("The application id is missing or wrong: it begins with AP.") };
    }
    for (const member of members) member.touch();
    const wrong = members.filter((member) => member.errors().length > 0);
    if (wrong.length) {
      wrong[0].focus();
      const messages = Object.fromEntries(wrong.map((member) => [member.kind, member.errors()]));
      return { error: refusal("Some fields are missing or wrong.", messages) };
    }
    const body = bodyOf(members);
    let response;
    let answer;
    try {
      [response, answer] = await post(application, body);
    } catch {
      return { error: refusal("The platform could not be reached. Nothing was charged; try again.") };
    }
    if (response.status !== 201) return { error: refusedBy(response, answer, members, body) };
    const data = Object.fromEntries(TOKEN.map((name) => [name, answer?.[name]]).filter(([, value]) => value !== undefined));
    if (!data.id) return { error: refusal("The answer could not be read. Nothing was charged; try again.") };
    return { response: { status: 201, statusText: "Created", data } };
  };

  // --- the page ---

  const begin = (event) => {
    const { form: id, kind: wanted, options = {} } = event.data;
    embedder = event.origin;
    form = String(id);
    instrument = wanted === "BANK_ACCOUNT" ? "BANK_ACCOUNT" : "PAYMENT_CARD";
    validations = readValidations(options.validations);
    styles = readStyles(options.styles);
    const scheme = String(options.styles?.default?.colorScheme ?? "");
    if (/^(light|dark|light dark)$/.test(scheme)) document.documentElement.style.colorScheme = scheme;
    const hint = options.placeholder;
    placeholder = typeof hint === "object" && hint !== null
      ? { text: String(hint.text ?? ""), hideOnFocus: Boolean(hint.hideOnFocus) }
      : { text: String(hint ?? ""), hideOnFocus: false };
    const [, paint] = styles.placeholder.find(([name]) => name === "color") ?? [];
    if (paint) document.documentElement.style.setProperty("--placeholder", paint);
    if (options.label) document.title = label.textContent = String(options.label);
    if (COMPLETIONS.test(String(options.autoComplete ?? ""))) input.autocomplete = options.autoComplete;
    if (isChoice) {
      input.options[0].textContent = placeholder.text;
      if (options.defaultValue) input.value = String(options.defaultValue);
      if (input.selectedIndex < 0) input.selectedIndex = 0;
    }
    if (options.mask && ["security_code", "account_number"].includes(kind)) input.classList.add("is-masked");
    if (document.activeElement === input && document.hasFocus()) isFocused = true;
    report();
  };

  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || window.parent === window) return;
    if (!event.data || event.data.hostedField !== 1) return;
    if (event.data.act === "begin" && embedder === null) begin(event);
    if (event.data.act === "submit" && event.origin === embedder) {
      const { number } = event.data;
      void tokenize(event.data).then((outcome) => tellPage({ hostedField: "answer", number, ...outcome }));
    }
  });

  if (window.parent !== window) window.parent.postMessage({ hostedField: "ready", label: label.textContent }, "*");
}
