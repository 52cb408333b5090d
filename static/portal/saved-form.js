// A form that saves itself, section by section, while somebody fills it in. Without this file its button saves it.
//
//   <form data-saved-form>                the form
//   <fieldset data-saved-section>         hears "section-left" when it is to be saved; the answer puts it in anew
//   [data-not-shown]                      a control whose value the server keeps and never gives back
//   #form-trouble                         says why something is not saved, in the words of <template data-trouble="…">
//
// Sections are saved one after the other: two answers at once would tell two states of the same form. A section must hear
// from the moment it is put in, or what is typed just then would wait for nobody: `settle:0ms`.
{
  const form = document.querySelector("form[data-saved-form]");
  const trouble = document.getElementById("form-trouble");
  const REST = 1500; // after a change, where the reader stays in the section
  const FIRST_PAUSE = 2000;
  const LONGEST_PAUSE = 30000;

  const due = new Set(); // ids, since an answer replaces the section itself
  const rests = new Map();
  let typed = 0; // how often something was typed, and how much of that is kept
  let saved = 0;
  let sent = null; // what is on its way
  let failures = 0;
  let pause = null;
  let isReady = false; // nothing hears before
  let isCut = false;
  let isLeaving = false;

  const sectionOf = (node) => (node instanceof Element ? node.closest("[data-saved-section]") : null);
  const valuesOf = (section) =>
    JSON.stringify([...section.querySelectorAll("input, select, textarea")].map((control) => (control.type === "checkbox" ? control.checked : control.value)));

  const save = (section) => {
    due.add(section.id);
    saveNext();
  };

  const saveNext = () => {
    if (sent || isLeaving || !isReady) return;
    clearTimeout(pause);
    const [id] = due;
    due.delete(id);
    document.getElementById(id)?.dispatchEvent(new CustomEvent("section-left"));
  };

  // What was changed.
  const mark = (section) => {
    typed += 1;
    section.dataset.changed = "";
  };

  const noteChange = (event) => {
    const section = sectionOf(event.target);
    if (!section) return;
    mark(section);
    clearTimeout(rests.get(section.id));
    if (event.type === "change") rests.set(section.id, setTimeout(save, REST, section));
  };
  form.addEventListener("input", noteChange);
  form.addEventListener("change", noteChange);

  // Somebody may have typed before this file was here.
  const isTouched = (control) => {
    if (control.type === "checkbox") return control.checked !== control.defaultChecked;
    if (control.options) return control.selectedIndex !== Math.max([...control.options].findIndex((option) => option.defaultSelected), 0);
    return control.value !== control.defaultValue;
  };
  const noteEarlier = () => {
    isReady = true;
    for (const section of form.querySelectorAll("[data-saved-section]")) {
      if (![...section.querySelectorAll("input, select, textarea")].some(isTouched)) continue;
      mark(section);
      if (!section.contains(document.activeElement)) due.add(section.id);
    }
    saveNext();
  };
  document.addEventListener("htmx:load", noteEarlier, { once: true });

  form.addEventListener("focusout", (event) => {
    const section = sectionOf(event.target);
    if (!section || section.dataset.changed === undefined || section.contains(event.relatedTarget)) return;
    if (event.relatedTarget instanceof Element && event.relatedTarget.closest("button[type=submit]")) return;
    clearTimeout(rests.get(section.id));
    save(section);
  });

  // A phone may end a page that it put away.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden") return;
    for (const section of form.querySelectorAll("[data-saved-section][data-changed]")) due.add(section.id);
    saveNext();
  });

  // What was sent, and what came of it.
  document.addEventListener("htmx:configRequest", (event) => {
    const section = event.target;
    if (section.matches("[data-saved-section]")) sent = { section, typed, values: valuesOf(section) };
  });

  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (sent && event.detail.xhr.getResponseHeader("HX-Redirect")) event.preventDefault(); // to sign in: nothing was saved
  });

  // A section is not put in anew over what was typed since, nor while somebody is in it.
  const notShown = new Map();
  document.addEventListener("htmx:beforeSwap", (event) => {
    const section = event.target;
    if (section !== sent?.section) return;
    const isInside = section.contains(document.activeElement);
    const isNewer = valuesOf(section) !== sent.values;
    if (isNewer && !isInside) due.add(section.id);
    if (isNewer || isInside) event.detail.swapOverride = "none";
    else for (const input of section.querySelectorAll("[data-not-shown]")) notShown.set(input.id, input.value);
  });
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    if (event.target.querySelector("dialog[open]")) event.detail.shouldSwap = false;
  });
  // What is never given back, and was not kept because it is not in order, stays where it was typed.
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, text] of notShown) {
      const input = document.getElementById(id);
      if (input?.getAttribute("aria-invalid") === "true") input.value = text;
    }
    notShown.clear();
    refreshSummary();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!sent || event.detail.requestConfig.elt !== sent.section) return;
    const { section, typed: upTo } = sent;
    const { xhr, successful } = event.detail;
    sent = null;
    isCut = xhr.status === 0;
    if (successful && xhr.getResponseHeader("HX-Trigger") !== "form-refused") {
      saved = upTo;
      failures = 0;
      if (trouble.childElementCount) document.getElementById("announcer").textContent = "Saved.";
      trouble.replaceChildren();
    } else if (isCut || xhr.status === 429 || xhr.status >= 500) {
      tell("again");
      due.add(section.id);
      pause = setTimeout(saveNext, Math.min(FIRST_PAUSE * 2 ** failures, LONGEST_PAUSE));
      failures += 1;
      return;
    } else if (!successful) {
      tell(xhr.status === 200 ? "signed-out" : "gone");
    }
    setTimeout(saveNext);
  });
  addEventListener("online", saveNext);

  const tell = (kind) => {
    if (trouble.dataset.kind === kind && trouble.childElementCount) return;
    trouble.dataset.kind = kind;
    trouble.replaceChildren(document.querySelector(`template[data-trouble="${kind}"]`).content.cloneNode(true));
    for (const link of trouble.querySelectorAll("a")) link.href = location.pathname; // a new form has an address since its first save
  };

  // Leaving. What was typed last goes after the page, unless it is known that it would not arrive.
  form.addEventListener("submit", (event) => {
    if (isCut || !navigator.onLine) {
      event.preventDefault();
      tell("again");
      for (const section of form.querySelectorAll("[data-saved-section][data-changed]")) due.add(section.id);
      saveNext();
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented && event.target.method === "post") isLeaving = true;
  });
  addEventListener("beforeunload", (event) => {
    const isInDoubt = trouble.childElementCount > 0 || !navigator.onLine;
    if (!isLeaving && typed > saved && isInDoubt) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    if (!isLeaving && typed > saved) { // also what is on its way: leaving may stop it
      const body = new FormData(form);
      body.set("act", "save");
      void fetch(location.pathname, { method: "POST", body, keepalive: true, headers: { "HX-Request": "true" } });
    }
    isLeaving = true;
  });
  addEventListener("pageshow", () => (isLeaving = false));

  // What was wrong at the last submit and is put right section by section leaves the summary; what is still empty stays,
  // and what is wrong in another way says so.
  function refreshSummary() {
    const summary = document.querySelector(".error-summary");
    if (!summary) return;
    const told = new Set();
    for (const link of summary.querySelectorAll("a")) {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) continue;
      if (field.getAttribute("aria-invalid") === "true") {
        const error = field.closest(".field")?.querySelector(".field-error");
        if (told.has(link.hash)) link.closest("li").remove();
        else if (error) link.textContent = `${link.textContent.split(": ")[0]}: ${error.textContent.trim()}`;
        told.add(link.hash);
      } else if (!field.required || field.value !== "") {
        link.closest("li").remove();
      }
    }
    const left = summary.querySelectorAll("li").length;
    if (left === 0) summary.remove();
    else summary.querySelector("h2").textContent = left === 1 ? "One thing needs your attention" : `${left} things need your attention`;
  }
}
