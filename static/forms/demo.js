// The demonstration checkout. It uses the public library alone, as a page of somebody else would.
{
  const view = document.getElementById("form-view");
  const { environment, application, home } = view.dataset;
  const known = document.getElementById("known");
  const refusal = document.getElementById("refusal");

  const root = getComputedStyle(document.documentElement);
  const token = (name) => root.getPropertyValue(name).trim();
  const styles = {
    default: {
      colorScheme: root.colorScheme,
      color: token("--ink"),
      fontFamily: "Inter, ui-sans-serif, system-ui, sans-serif",
      fontSize: matchMedia("(pointer: coarse)").matches ? "1rem" : "0.9375rem",
      padding: "0 0.6875rem",
    },
    focus: { outline: "none" }, // the page draws it around the frame
    error: { color: token("--negative") },
    placeholder: { color: token("--ink-faint") },
  };

  const FORMS = {
    card: {
      number: { validations: "required, cardNumber", placeholder: "1234 1234 1234 1234", autoComplete: "cc-number" },
      expiration_date: { validations: "required, cardExpiry", placeholder: "MM/YYYY", autoComplete: "cc-exp" },
      security_code: { validations: "required, cardCVC", placeholder: "CVV", autoComplete: "cc-csc" },
      name: { validations: "required", autoComplete: "cc-name" },
      "address.country": { placeholder: "Choose", defaultValue: "USA" },
      "address.postal_code": { autoComplete: "postal-code" },
    },
    bank: {
      name: { validations: "required", autoComplete: "name" },
      bank_code: { validations: "required, bankCode", placeholder: "Nine digits" },
      account_number: { validations: "required, accountNumber" },
      account_type: { validations: "required", placeholder: "Choose" },
    },
  };

  const say = (text) => {
    refusal.hidden = !text;
    document.getElementById("refusal-text").textContent = text;
  };

  const told = (state, binInformation) => {
    const lines = Object.entries({ ...state, binInformation }).map(([name, value]) => `${name}: ${JSON.stringify(value, null, 1)}`);
    return lines.join("\n").replace(/\n +/g, " ").replace(/\n}/g, " }");
  };

  const showToken = (answer) => {
    document.getElementById("answer").textContent = JSON.stringify(answer, null, 2);
    document.getElementById("expiry").textContent = new Date(answer.data.expires_at).toLocaleString("en-GB", {
      day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
    });
    document.getElementById("command").textContent = [
      `curl ${home}/payment_instruments \\`,
      '  -H "Content-Type: application/vnd.json+api" \\',
      "  -u USERNAME:PASSWORD \\",
      "  -d '{",
      `    "token": "${answer.data.id}",`,
      '    "type": "TOKEN",',
      '    "identity": "IDENTITY"',
      "  }'",
    ].join("\n");
    const done = document.getElementById("token-view");
    view.hidden = true;
    done.hidden = false;
    done.focus();
  };

  const build = (name, begin) => {
    const element = document.getElementById(name);
    const button = element.querySelector("button");
    const left = new Set(); // fields whose errors are shown
    let before = {};
    let isAboutFields = false; // what is said below the button

    const show = (state) => {
      for (const [type, field] of Object.entries(state)) {
        if (before[type]?.isFocused && !field.isFocused && field.isDirty) left.add(type);
        const message = left.has(type) ? field.errorMessages[0] : undefined;
        const place = element.querySelector(`[data-field="${type}"]`);
        place.querySelector(".place").classList.toggle("is-refused", Boolean(message));
        place.querySelector(".field-error").hidden = !message;
        place.querySelector(".field-error span").textContent = message ?? "";
      }
      before = state;
    };

    const form = begin((state, binInformation) => {
      show(state);
      if (!element.hidden) known.textContent = told(state, binInformation);
      if (isAboutFields && ![...left].some((type) => state[type].errorMessages.length)) say("");
    });

    for (const [type, options] of Object.entries(FORMS[name])) {
      const field = element.querySelector(`[data-field="${type}"]`);
      const place = field.querySelector(".place");
      const wrapper = form.field(type, { ...options, label: place.dataset.label, styles });
      place.append(wrapper);
      field.querySelector(".field-label").addEventListener("click", () => wrapper.focus());
    }

    const send = () => {
      if (button.disabled) return;
      button.disabled = true;
      say("");
      form.submit(environment, application, (err, res) => {
        button.disabled = false;
        if (!err) {
          showToken(res);
          return;
        }
        for (const type of Object.keys(err.errors)) left.add(type);
        isAboutFields = Object.keys(err.errors).length > 0;
        show(before);
        say(err.message);
      });
    };

    element.addEventListener("submit", (event) => {
      event.preventDefault();
      send();
    });
    form.onSubmit(send);
  };

  build("card", PaymentForm.card);
  build("bank", PaymentForm.bankAccount);

  for (const choice of document.querySelectorAll('input[name="kind"]')) {
    choice.addEventListener("change", () => {
      document.getElementById("card").hidden = choice.value !== "card";
      document.getElementById("bank").hidden = choice.value !== "bank";
      say("");
    });
  }
}
